"""A normal prior: the arithmetic of its divergence and gradients.

The posterior of a weight is N(loc, scale²), its prior N(prior_loc, prior_scale²) with

    prior_scale = factor * max(|prior_loc|, floor)
    scale       = prior_scale * exp(log_ratio)

so that the divergence and its gradient need no logarithm and no softplus (with t = (loc - prior_loc) / prior_scale):

    KL            = sum 0.5 (exp(2 log_ratio) + t² - 1) - log_ratio
    dKL / dloc    = t / prior_scale
    dKL / dlog_ratio = exp(2 log_ratio) - 1
"""

from typing import NamedTuple

import tensorflow as tf

from tfp_insects.bayes.compiled import compiled
from tfp_insects.bayes.mean_field import Upstream, sum_in_float64


class NormalState(NamedTuple):
    """A kernel under a normal prior; see `mean_field.KernelState`.

    Attributes:
        loc: float32, the kernel's shape.
        log_ratio: float32, the kernel's shape or scalar: log(scale / prior_scale).
        prior_loc: float32, the kernel's shape or scalar.
        factor: float32 scalar of the prior's scale.
        floor: float32 scalar of the prior's scale.
    """

    loc: tf.Tensor
    log_ratio: tf.Tensor
    prior_loc: tf.Tensor
    factor: tf.Tensor
    floor: tf.Tensor

    def prior_scale(self) -> tf.Tensor:
        """Scale of the prior, float32, the shape of `prior_loc`."""
        return prior_scale(self.prior_loc, self.factor, self.floor)

    def posterior_scale(self) -> tf.Tensor:
        """Scale of the posterior, float32, broadcastable to the kernel's shape."""
        return self.prior_scale() * tf.exp(self.log_ratio)

    def kl_terms(self) -> tf.Tensor:
        """KL(posterior || prior) of each weight in nats, float32, the kernel's shape."""
        standardised = (self.loc - self.prior_loc) / self.prior_scale()
        return 0.5 * (tf.exp(2.0 * self.log_ratio) + tf.square(standardised) - 1.0) - self.log_ratio

    def kl_divergence(self) -> tf.Tensor:
        """KL(posterior || prior) in nats, summed over the kernel; float32 scalar."""
        return _kl_divergence(self)

    def kl_gradient(self) -> tf.Tensor:
        """Gradient of the divergence in `loc`, float32, the kernel's shape."""
        return (self.loc - self.prior_loc) / tf.square(self.prior_scale())

    def loc_gradient(self, noise: tf.Tensor, upstream: Upstream) -> tf.Tensor:
        """Gradient of `loc`; see `mean_field.KernelState`. The scale does not depend on `loc`."""
        del noise
        return _loc_gradient(self, upstream.mean, upstream.kl_weight)

    def gradients(self, noise: tf.Tensor, upstream: Upstream) -> tuple[tf.Tensor, tf.Tensor]:
        """Gradients of `loc` and `log_ratio`; see `mean_field.KernelState`."""
        return _gradients(self, noise, upstream.mean, upstream.perturbation, upstream.kl_weight)


def prior_scale(prior_loc: tf.Tensor, factor: tf.Tensor, floor: tf.Tensor) -> tf.Tensor:
    """Scale of the prior, float32, the shape of `prior_loc`."""
    return factor * tf.maximum(tf.abs(prior_loc), floor)


# Not `compiled`: a training step that does not use the value leaves it out.
@tf.function(jit_compile=True, autograph=False)
def _kl_divergence(state: NormalState) -> tf.Tensor:
    return sum_in_float64(state.kl_terms())


def _loc_gradient_terms(state: NormalState, upstream_mean: tf.Tensor, kl_weight: tf.Tensor) -> tf.Tensor:
    return tf.cast(upstream_mean, tf.float32) + kl_weight * state.kl_gradient()


_loc_gradient = compiled(_loc_gradient_terms)


@compiled
def _gradients(
    state: NormalState,
    noise: tf.Tensor,
    upstream_mean: tf.Tensor,
    upstream_perturbation: tf.Tensor,
    kl_weight: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    ratio = tf.exp(state.log_ratio)
    data_gradient = tf.cast(upstream_perturbation, tf.float32) * state.posterior_scale() * tf.cast(noise, tf.float32)
    gradient = data_gradient + kl_weight * (tf.square(ratio) - 1.0)
    if state.log_ratio.shape.rank == 0:
        gradient = sum_in_float64(gradient)
    return _loc_gradient_terms(state, upstream_mean, kl_weight), gradient
