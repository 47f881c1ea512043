"""A mean-field normal posterior of a kernel: its draws, and one pass forward and one pass back of a training step.

The posterior of a weight is N(loc, scale²). How the scale follows from `log_ratio`, the divergence from the prior and the
gradients are a matter of the prior: `normal_prior` and `log_uniform_prior` each have a state that says so.

The elementwise work is compiled by XLA: written as single TensorFlow operations it costs a pass over all weights for each
of them. Random numbers stay outside, because XLA draws others than TensorFlow does under the same seed.
"""

from typing import NamedTuple, Protocol, Self

import tensorflow as tf

from tfp_insects.bayes.compiled import compiled


class Upstream(NamedTuple):
    """Gradients that arrive at what `kernel_and_perturbation` returns.

    Never handed to a compiled function as a whole: all inputs of one are computed, whether it reads them or not, and a
    perturbation's gradient is a whole product.

    Attributes:
        mean: The kernel's shape, in the type of the kernels.
        perturbation: The same.
        kl_weight: float32 scalar, the weight of the divergence in the loss.
    """

    mean: tf.Tensor
    perturbation: tf.Tensor
    kl_weight: tf.Tensor


class KernelState(Protocol):
    """What determines the posterior and the prior of a kernel: a named tuple of tensors, as compiled functions take them."""

    @property
    def loc(self) -> tf.Tensor:
        """Mean, float32, the kernel's shape."""

    @property
    def log_ratio(self) -> tf.Tensor:
        """What the scale follows from, float32, the kernel's shape or scalar."""

    def _replace(self, *, loc: tf.Tensor = ..., log_ratio: tf.Tensor = ...) -> Self: ...

    def posterior_scale(self) -> tf.Tensor:
        """Scale of the posterior, float32, broadcastable to the kernel's shape."""

    def kl_terms(self) -> tf.Tensor:
        """KL(posterior || prior) of each weight in nats, float32, broadcastable to the kernel's shape."""

    def kl_divergence(self) -> tf.Tensor:
        """KL(posterior || prior) in nats, summed over the kernel; float32 scalar."""

    def loc_gradient(self, noise: tf.Tensor, upstream: Upstream) -> tf.Tensor:
        """Gradient of `loc`, float32, through mean, perturbation and divergence."""

    def gradients(self, noise: tf.Tensor, upstream: Upstream) -> tuple[tf.Tensor, tf.Tensor]:
        """Gradients of `loc` and `log_ratio`, float32, through mean, perturbation and divergence."""


def sum_in_float64(terms: tf.Tensor) -> tf.Tensor:
    """The sum of float32 terms, float32 scalar; for use in compiled functions.

    It is taken in float64: XLA adds one after the other, which costs float32 its digits over millions of terms that are
    nearly equal.
    """
    return tf.cast(tf.reduce_sum(tf.cast(terms, tf.float64)), tf.float32)


@compiled
def draw_kernel(state: KernelState, noise: tf.Tensor, noise_multiplier: float, dtype: tf.DType) -> tf.Tensor:
    """A kernel made of standard normals of the kernel's shape: `loc + noise_multiplier * scale * noise` in `dtype`."""
    perturbation = noise_multiplier * state.posterior_scale() * tf.cast(noise, tf.float32)
    return tf.cast(state.loc + perturbation, dtype)


def kernel_and_perturbation(
    state: KernelState, noise: tf.Tensor, dtype: tf.DType, kl_weight: tf.Tensor, learn_scale: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mean kernel, perturbation and weighted divergence, with their gradient in one pass.

    Args:
        state: Posterior and prior.
        noise: Standard normals, the kernel's shape, any floating-point type.
        dtype: Type of the kernels that come back.
        kl_weight: float32 scalar by which the divergence is multiplied.
        learn_scale: Whether `log_ratio` gets a gradient.

    Returns:
        `loc` and `scale * noise` in `dtype`, and `kl_weight * KL` in float32. The divergence is computed only where its value
        is used: its gradient does not need it.
    """

    @tf.custom_gradient
    def fused(loc: tf.Tensor, log_ratio: tf.Tensor) -> tuple:
        current = state._replace(loc=loc, log_ratio=log_ratio)

        def gradient(mean: tf.Tensor, perturbation: tf.Tensor, divergence: tf.Tensor) -> tuple:
            upstream = Upstream(mean, perturbation, divergence * kl_weight)
            if learn_scale:
                return current.gradients(noise, upstream)
            return current.loc_gradient(noise, upstream), tf.zeros_like(log_ratio)

        mean, perturbation = _forward(current, noise, tf.as_dtype(dtype))
        return (mean, perturbation, kl_weight * current.kl_divergence()), gradient

    return fused(state.loc, state.log_ratio)


@compiled
def _forward(state: KernelState, noise: tf.Tensor, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    perturbation = state.posterior_scale() * tf.cast(noise, tf.float32)
    return tf.cast(state.loc, dtype), tf.cast(perturbation, dtype)
