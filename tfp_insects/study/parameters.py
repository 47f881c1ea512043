"""The size of a trained network."""

import tf_keras

# What serves training alone: weights of losses and of priors.
TRAINING_ALONE = ("kl_weight", "prior_loc", "prior_factor", "prior_floor")


def count_parameters(model: tf_keras.Model) -> int:
    """Counts what predictions need: kernels and biases, frozen ones too, posterior scales, one or one a weight, covariances.

    Normalisations have their statistics. Priors, counters and weights of losses, which some layers hold beside them, serve
    training alone.
    """
    return sum(
        weight.shape.num_elements()
        for weight in model.weights
        if weight.dtype.is_floating and _name(weight.name) not in TRAINING_ALONE
    )


def _name(full_name: str) -> str:
    """`kernel` of `classifier_6/kernel:0`."""
    return full_name.rpartition("/")[2].partition(":")[0]
