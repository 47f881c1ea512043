"""A CNN whose kernels are held near a prior: the BNN's prior as a penalty, without any noise.

For the pretrained-centred prior this is L2-SP (Li, Grandvalet, Davoine 2018, eq. 5), with a strength for each weight. It is
the maximum a posteriori estimate under the BNN's prior; it shows how much of the BNN's lead is the prior's alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.models import alexnet, mean_field
from tfp_insects.models.bnn import Bayesian
from tfp_insects.models.cnn import dropout_factory, initializer
from tfp_insects.models.dropout import SeededDropout
from tfp_insects.models.priors import Prior


def weighted_penalty(state: mean_field.KernelState, kl_weight: tf.Tensor) -> tf.Tensor:
    """`kl_weight` times the penalty, float32 scalar, with its gradient to `state.loc` in one pass over the weights.

    The value is computed only where it is used: the gradient does not need it.
    """

    @tf.custom_gradient
    def fused(loc: tf.Tensor) -> tuple:
        current = state._replace(loc=loc)
        value = kl_weight * mean_field.kl_divergence(current)
        return value, lambda upstream: _gradient(current, upstream * kl_weight)

    return fused(state.loc)


@tf.function(jit_compile=True)
def _gradient(state: mean_field.KernelState, kl_weight: tf.Tensor) -> tf.Tensor:
    return kl_weight * (state.loc - state.prior_loc) / tf.square(mean_field.prior_scale(state))


class PenalisedKernel(tf_keras.layers.Layer):
    """A layer that adds `kl_weight * sum(0.5 ((kernel - prior_loc) / prior_scale)²) / num_train_examples` to its losses.

    Mixed into Keras' layers. The sum is the BNN's divergence where the posterior's scale is the prior's.
    """

    def _init_penalty(self, prior: Mapping[str, Any], num_train_examples: int) -> None:
        self._prior = Prior(**prior)
        self._num_train_examples = num_train_examples

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the prior's weights, which are not trained."""
        super().build(input_shape)
        factor, floor = self._prior.factor_and_floor(int(np.prod(self.kernel.shape[:-1])))
        prior_shape = self.kernel.shape if self._prior.is_centred_on_pretrained else []
        self.prior_loc = self._add_constant("prior_loc", prior_shape, 0.0)
        self.prior_factor = self._add_constant("prior_factor", [], factor)
        self.prior_floor = self._add_constant("prior_floor", [], floor)
        self.kl_weight = self._add_constant("kl_weight", [], 1.0)
        # Keras computes a loss given as a function in float32, whatever the layer computes in.
        self.add_loss(lambda: weighted_penalty(self._state(), self.kl_weight / self._num_train_examples))

    def _add_constant(self, name: str, shape: Any, value: float) -> tf.Variable:
        start = tf_keras.initializers.Constant(value)
        return self.add_weight(name, shape, tf.float32, start, trainable=False, experimental_autocast=False)

    def kl_divergence(self) -> tf.Tensor:
        """The sum of the penalty in nats, float32 scalar, not weighted."""
        return mean_field.kl_divergence(self._state())

    def _state(self) -> mean_field.KernelState:
        variables = (self.kernel, tf.zeros([]), self.prior_loc, self.prior_factor, self.prior_floor)
        return mean_field.KernelState(*map(tf.convert_to_tensor, variables))

    def centre_on(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Starts at pretrained weights; a `pretrained` prior is centred on them.

        Args:
            kernel: float32, the kernel's shape.
            bias: float32 `[units]`.
        """
        self.kernel.assign(kernel)
        self.bias.assign(bias)
        if self._prior.is_centred_on_pretrained:
            factor, floor = self._prior.factor_and_floor(int(np.prod(kernel.shape[:-1])), kernel)
            self.prior_loc.assign(kernel)
            self.prior_factor.assign(factor)
            self.prior_floor.assign(floor)


class PenalisedDense(PenalisedKernel, tf_keras.layers.Dense):
    """`tf_keras.layers.Dense` with the penalty."""

    def __init__(self, units: int, *, prior: Mapping[str, Any], num_train_examples: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self._init_penalty(prior, num_train_examples)


class PenalisedConvolution2D(PenalisedKernel, tf_keras.layers.Conv2D):
    """`tf_keras.layers.Conv2D` with the penalty."""

    def __init__(
        self, filters: int, kernel_size: int, *, prior: Mapping[str, Any], num_train_examples: int, **kwargs: Any
    ) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        self._init_penalty(prior, num_train_examples)


def build_l2sp(
    architecture: alexnet.Architecture, bayesian: Bayesian, num_train_examples: int, seed: int, dropout: float = 0.0
) -> tf_keras.Sequential:
    """The CNN with the penalty in the layers that are Bayesian in the BNN.

    Args:
        architecture: Widths, input and precision.
        bayesian: The BNN's scope and priors; what concerns the posterior is left unused.
        num_train_examples: Number of training images, by which the penalty is divided.
        seed: Integer that determines initial weights and dropout.
        dropout: Rate before the two wide dense layers.
    """
    names = alexnet.bayesian_layer_names(bayesian.layers)

    def make(penalised: type, plain: type, *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
        kwargs = {**kwargs, "name": name, "kernel_initializer": initializer(name, seed)}
        if name not in names:
            return plain(*sizes, **kwargs)
        config = bayesian.of_layer(name)
        return penalised(*sizes, prior=config["prior"], num_train_examples=num_train_examples, **kwargs)

    return alexnet.build_sequential(
        architecture,
        lambda *sizes, **kwargs: make(PenalisedConvolution2D, tf_keras.layers.Conv2D, *sizes, **kwargs),
        lambda *sizes, **kwargs: make(PenalisedDense, tf_keras.layers.Dense, *sizes, **kwargs),
        dropout_factory(SeededDropout, dropout, seed),
    )
