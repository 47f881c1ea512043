"""The numbers of a kernel's prior as weights of a layer, which are not trained."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.log_uniform_prior import LogUniformState
from tfp_insects.bayes.mean_field import KernelState
from tfp_insects.bayes.normal_prior import NormalState, prior_scale
from tfp_insects.bayes.priors import LOG_UNIFORM, Prior

tfd = tfp.distributions
# Called with `name, shape, initializer`; adds a float32 weight that is not trained to a layer.
AddWeight = Callable[[str, list[int], Any], tf.Variable]


class PriorWeights(Protocol):
    """What a layer holds of its prior."""

    def centre_on(self, kernel: np.ndarray) -> None:
        """Takes note of pretrained weights, float32, the kernel's shape."""

    def state(self, loc: tf.Tensor, log_ratio: tf.Tensor) -> KernelState:
        """Posterior and prior as tensors."""

    def distribution(self, name: str) -> tfp.distributions.Distribution | None:
        """The prior over the whole kernel, or none if it is improper."""


class NormalWeights:
    """A normal prior of a kernel.

    Args:
        prior: Its configuration.
        shape: The kernel's.
        add_weight: Adds a weight to the layer.

    Attributes:
        loc: float32, the kernel's shape or scalar.
        factor: float32 scalar of the scale.
        floor: float32 scalar of the scale.
    """

    def __init__(self, prior: Prior, shape: list[int], add_weight: AddWeight) -> None:
        self._prior = prior
        self._shape = shape
        factor, floor = prior.factor_and_floor(int(np.prod(shape[:-1])))
        constant = tf_keras.initializers.Constant
        self.loc = add_weight("prior_loc", shape if prior.is_centred_on_pretrained else [], "zeros")
        self.factor = add_weight("prior_factor", [], constant(factor))
        self.floor = add_weight("prior_floor", [], constant(floor))

    def centre_on(self, kernel: np.ndarray) -> None:
        """Centres a `pretrained` prior on pretrained weights, float32, the kernel's shape; leaves others as they are."""
        if self._prior.is_centred_on_pretrained:
            factor, floor = self._prior.factor_and_floor(int(np.prod(kernel.shape[:-1])), kernel)
            self.loc.assign(kernel)
            self.factor.assign(factor)
            self.floor.assign(floor)

    def state(self, loc: tf.Tensor, log_ratio: tf.Tensor) -> NormalState:
        """Posterior and prior as tensors."""
        return NormalState(*map(tf.convert_to_tensor, (loc, log_ratio, self.loc, self.factor, self.floor)))

    def distribution(self, name: str) -> tfp.distributions.Distribution:
        """The prior over the whole kernel."""

        def full(value: tf.Tensor) -> tf.Tensor:
            return tf.broadcast_to(value, self._shape)

        def scale(loc: tf.Tensor) -> tf.Tensor:
            return full(prior_scale(loc, tf.convert_to_tensor(self.factor), tf.convert_to_tensor(self.floor)))

        normal = tfd.Normal(
            *(tfp.util.DeferredTensor(self.loc, of, shape=self._shape) for of in (full, scale)), name=name
        )
        return tfd.Independent(normal, reinterpreted_batch_ndims=len(self._shape))


class LogUniformWeights:
    """The log-uniform prior, which has no numbers."""

    def centre_on(self, kernel: np.ndarray) -> None:
        """Does nothing: the prior has no centre."""

    def state(self, loc: tf.Tensor, log_ratio: tf.Tensor) -> LogUniformState:
        """Posterior as tensors."""
        return LogUniformState(tf.convert_to_tensor(loc), tf.convert_to_tensor(log_ratio))

    def distribution(self, name: str) -> None:
        """None: the prior is improper."""


def add_prior(prior: Prior, shape: list[int], add_weight: AddWeight) -> PriorWeights:
    """Adds what a prior needs to a layer.

    Args:
        prior: Its configuration.
        shape: The kernel's.
        add_weight: Adds a weight to the layer.
    """
    return LogUniformWeights() if prior.kind == LOG_UNIFORM else NormalWeights(prior, shape, add_weight)
