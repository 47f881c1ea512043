"""The size of a trained network."""

import tf_keras

# Names of weights, in Keras' layers and in `models.flipout`.
PARAMETERS = ("kernel", "bias", "kernel_loc", "kernel_log_ratio", "covariance_factor")


def count_parameters(model: tf_keras.Model) -> int:
    """Counts what predictions need: kernels and biases, frozen ones too, posterior scales, one or one a weight, covariances.

    Priors, counters and weights of losses, which some layers hold beside them, serve training alone.
    """
    return sum(weight.shape.num_elements() for weight in model.weights if _name(weight.name) in PARAMETERS)


def _name(full_name: str) -> str:
    """`kernel` of `classifier_6/kernel:0`."""
    return full_name.rpartition("/")[2].partition(":")[0]
