"""The arithmetic of a mean-field normal posterior, fused into one pass forward and one pass back.

The posterior of a weight is N(loc, scale²), its prior N(prior_loc, prior_scale²) with

    prior_scale = factor * max(|prior_loc|, floor)
    scale       = prior_scale * exp(log_ratio)

so that the divergence and its gradient need no logarithm and no softplus (with t = (loc - prior_loc) / prior_scale):

    KL            = sum 0.5 (exp(2 log_ratio) + t² - 1) - log_ratio
    dKL / dloc    = t / prior_scale
    dKL / dlog_ratio = exp(2 log_ratio) - 1

The elementwise work is compiled by XLA: written as single TensorFlow operations it costs a pass over all weights for each
of them. Random numbers stay outside, because XLA draws others than TensorFlow does under the same seed.
"""

from typing import NamedTuple

import tensorflow as tf


class KernelState(NamedTuple):
    """What determines the posterior and the prior of a kernel.

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


def prior_scale(state: KernelState) -> tf.Tensor:
    """Scale of the prior, float32, the shape of `prior_loc`."""
    return state.factor * tf.maximum(tf.abs(state.prior_loc), state.floor)


def posterior_scale(state: KernelState) -> tf.Tensor:
    """Scale of the posterior, float32, broadcastable to the kernel's shape."""
    return prior_scale(state) * tf.exp(state.log_ratio)


@tf.function(jit_compile=True)
def kl_divergence(state: KernelState) -> tf.Tensor:
    """KL(posterior || prior) in nats, summed over the kernel; float32 scalar."""
    standardised = (state.loc - state.prior_loc) / prior_scale(state)
    terms = 0.5 * (tf.exp(2.0 * state.log_ratio) + tf.square(standardised) - 1.0) - state.log_ratio
    # Summing the last axis first keeps float32 exact enough over tens of millions of terms.
    return tf.reduce_sum(tf.reduce_sum(terms, axis=-1))


@tf.function(jit_compile=True)
def draw_kernel(state: KernelState, noise: tf.Tensor, noise_multiplier: float, dtype: tf.DType) -> tf.Tensor:
    """A kernel made of standard normals of the kernel's shape: `loc + noise_multiplier * scale * noise` in `dtype`."""
    perturbation = noise_multiplier * posterior_scale(state) * tf.cast(noise, tf.float32)
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

        def gradient(upstream_mean: tf.Tensor, upstream_perturbation: tf.Tensor, upstream_kl: tf.Tensor) -> tuple:
            weight = upstream_kl * kl_weight
            if not learn_scale:
                # Not even handed on: a compiled function's inputs are computed whether it reads them or not, and this one
                # is the kernel's gradient of a whole product.
                del upstream_perturbation
                return _loc_gradient(current, upstream_mean, weight), tf.zeros_like(log_ratio)
            return _gradients(current, noise, upstream_mean, upstream_perturbation, weight)

        mean, perturbation = _forward(current, noise, tf.as_dtype(dtype))
        return (mean, perturbation, kl_weight * kl_divergence(current)), gradient

    return fused(state.loc, state.log_ratio)


@tf.function(jit_compile=True)
def _forward(state: KernelState, noise: tf.Tensor, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    perturbation = posterior_scale(state) * tf.cast(noise, tf.float32)
    return tf.cast(state.loc, dtype), tf.cast(perturbation, dtype)


@tf.function(jit_compile=True)
def _loc_gradient(state: KernelState, upstream_mean: tf.Tensor, kl_weight: tf.Tensor) -> tf.Tensor:
    kl_gradient = kl_weight * (state.loc - state.prior_loc) / tf.square(prior_scale(state))
    return tf.cast(upstream_mean, tf.float32) + kl_gradient


@tf.function(jit_compile=True)
def _gradients(
    state: KernelState,
    noise: tf.Tensor,
    upstream_mean: tf.Tensor,
    upstream_perturbation: tf.Tensor,
    kl_weight: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    ratio = tf.exp(state.log_ratio)
    data_gradient = tf.cast(upstream_perturbation, tf.float32) * posterior_scale(state) * tf.cast(noise, tf.float32)
    gradient = data_gradient + kl_weight * (tf.square(ratio) - 1.0)
    if state.log_ratio.shape.rank == 0:
        gradient = tf.reduce_sum(tf.reduce_sum(gradient, axis=-1))
    return _loc_gradient(state, upstream_mean, kl_weight), gradient
