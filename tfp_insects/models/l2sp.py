"""A CNN whose kernels are held near a prior: the BNN's prior as a penalty, without any noise.

For the pretrained-centred prior this is L2-SP (Li, Grandvalet, Davoine 2018, eq. 5), with a strength for each weight. It is
the maximum a posteriori estimate under the BNN's prior; it shows how much of the BNN's lead is the prior's alone.
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.compiled import compiled
from tfp_insects.bayes.normal_prior import NormalState
from tfp_insects.bayes.prior_weights import NormalWeights
from tfp_insects.bayes.priors import LOG_UNIFORM, Prior
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Group, NetworkSpec, groups_of
from tfp_insects.models.bnn import Bayesian
from tfp_insects.models.cloning import clone_with
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.layer_groups import bayesian_entries


def weighted_penalty(state: NormalState, kl_weight: tf.Tensor) -> tf.Tensor:
    """`kl_weight` times the penalty, float32 scalar, with its gradient to `state.loc` in one pass over the weights.

    The value is computed only where it is used: the gradient does not need it.
    """

    @tf.custom_gradient
    def fused(loc: tf.Tensor) -> tuple:
        current = state._replace(loc=loc)
        value = kl_weight * current.kl_divergence()
        return value, lambda upstream: _gradient(current, upstream * kl_weight)

    return fused(state.loc)


@compiled
def _gradient(state: NormalState, kl_weight: tf.Tensor) -> tf.Tensor:
    return kl_weight * state.kl_gradient()


class PenalisedKernel(tf_keras.layers.Layer):
    """A layer that adds `kl_weight * sum(0.5 ((kernel - prior_loc) / prior_scale)²) / num_train_examples` to its losses.

    Mixed into Keras' layers. The sum is the BNN's divergence where the posterior's scale is the prior's.

    Args:
        *args: Those of Keras' layer.
        prior: Of the kernel.
        num_train_examples: Number of training images.
        **kwargs: Those of Keras' layer.
    """

    def __init__(self, *args: Any, prior: Prior, num_train_examples: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prior = prior
        self._num_train_examples = num_train_examples

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the prior's weights, which are not trained."""
        super().build(input_shape)
        self.prior_weights = NormalWeights(self._prior, self.kernel.shape.as_list(), self._add_constant)
        self.kl_weight = self._add_constant("kl_weight", [], "ones")
        # Keras computes a loss given as a function in float32, whatever the layer computes in.
        self.add_loss(lambda: weighted_penalty(self._state(), self.kl_weight / self._num_train_examples))

    def _add_constant(self, name: str, shape: list[int], initializer: Any) -> tf.Variable:
        return self.add_weight(name, shape, tf.float32, initializer, trainable=False, experimental_autocast=False)

    def kl_divergence(self) -> tf.Tensor:
        """The sum of the penalty in nats, float32 scalar, not weighted."""
        return self._state().kl_divergence()

    def _state(self) -> NormalState:
        return self.prior_weights.state(self.kernel, tf.zeros([]))

    def centre_on(self, kernel: np.ndarray, bias: np.ndarray | None = None) -> None:
        """Starts at pretrained weights; a `pretrained` prior is centred on them.

        Args:
            kernel: float32, the kernel's shape.
            bias: float32 `[units]`; none for a layer without one.
        """
        self.kernel.assign(kernel)
        if self.bias is not None:
            self.bias.assign(bias)
        self.prior_weights.centre_on(kernel)


class PenalisedDense(PenalisedKernel, tf_keras.layers.Dense):
    """`tf_keras.layers.Dense` with the penalty."""


class PenalisedConvolution2D(PenalisedKernel, tf_keras.layers.Conv2D):
    """`tf_keras.layers.Conv2D` with the penalty."""


def build_l2sp(
    spec: NetworkSpec,
    bayesian: Bayesian,
    num_train_examples: int,
    seed: int,
    dropout: float = 0.0,
) -> tf_keras.Model:
    """The CNN with the penalty in the layers that are Bayesian in the BNN.

    Args:
        spec: The design, its widths, input and precision.
        bayesian: The BNN's scope and priors; what concerns the posterior is left unused.
        num_train_examples: Number of training images, by which the penalty is divided.
        seed: Integer that determines initial weights and dropout.
        dropout: Rate at the design's places of dropout.

    Raises:
        InputError: A prior is log-uniform.
    """
    for group in groups_of(bayesian.layers):
        _refuse_log_uniform(bayesian, group)
    cnn, architecture = build_cnn(spec, seed, dropout), spec.architecture
    groups = {path: architecture.group_of(path) for path, _ in bayesian_entries(cnn, architecture, bayesian.layers)}

    def penalised(path: str, layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer | None:
        if path not in groups:
            return None
        kind = PenalisedDense if isinstance(layer, tf_keras.layers.Dense) else PenalisedConvolution2D
        prior = bayesian.of_group(groups[path]).prior
        return kind(**layer.get_config(), prior=prior, num_train_examples=num_train_examples)

    return clone_with(cnn, penalised)


def _refuse_log_uniform(bayesian: Bayesian, group: Group) -> None:
    if bayesian.of_group(group).prior.kind == LOG_UNIFORM:
        section = group if group == "head" or (group == "features" and bayesian.features) else "hidden"
        from_scratch = " (or that of hidden_from_scratch, without pretrained weights)" if section == "hidden" else ""
        raise InputError(
            f"model=cnn_l2sp cannot use bnn.{section}.prior.kind={LOG_UNIFORM}{from_scratch}: without noise its "
            "penalty has no bound at a weight of 0; choose a normal prior there, or leave cnn_l2sp out",
            field=f"bnn.{section}.prior.kind",
        )
