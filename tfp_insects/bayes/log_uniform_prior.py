"""The log-uniform prior of variational dropout: the arithmetic of its divergence and gradients.

The prior of a weight is p(|w|) proportional to 1 / |w|: the same belief whatever the unit that w is measured in. The
posterior is N(loc, scale²) with

    scale = a |loc|,  a = exp(log_ratio)

so that the scale follows the mean as it is now (Kingma, Salimans, Welling 2015, section 3.3). The prior is improper: the
divergence is known up to a constant. Free of `loc`, it is approximated, within 0.01 nats a weight, by (Molchanov, Ashukha,
Vetrov 2017, eq. 14; alpha = a², the constant such that KL tends to 0 where alpha tends to infinity)

    KL               = sum 0.5 log(1 + 1 / alpha) + K1 sigmoid(-(K2 + K3 log alpha))
    dKL / dlog_ratio = -sigmoid(-log alpha) - 2 K1 K3 s (1 - s),  s = sigmoid(K2 + K3 log alpha)

which is positive and falls with a.
"""

from typing import NamedTuple

import tensorflow as tf

from tfp_insects.bayes.compiled import compiled
from tfp_insects.bayes.mean_field import Upstream, sum_in_float64

K1, K2, K3 = 0.63576, 1.87320, 1.48695


class LogUniformState(NamedTuple):
    """A kernel under the log-uniform prior; see `mean_field.KernelState`.

    Attributes:
        loc: float32, the kernel's shape.
        log_ratio: float32, the kernel's shape or scalar: log(scale / |loc|).
    """

    loc: tf.Tensor
    log_ratio: tf.Tensor

    def posterior_scale(self) -> tf.Tensor:
        """Scale of the posterior, float32, the kernel's shape."""
        return tf.abs(self.loc) * tf.exp(self.log_ratio)

    def kl_terms(self) -> tf.Tensor:
        """KL(posterior || prior) of each weight in nats, up to the prior's constant; float32, the shape of `log_ratio`."""
        return _kl_terms(self.log_ratio)

    def kl_divergence(self) -> tf.Tensor:
        """KL(posterior || prior) in nats, up to the prior's constant, summed over the kernel; float32 scalar.

        Where all weights share one ratio it costs no pass over them.
        """
        if self.log_ratio.shape.rank == 0:
            return self.loc.shape.num_elements() * _kl_terms(self.log_ratio)
        return _kl_of_all(self.log_ratio)

    def loc_gradient(self, noise: tf.Tensor, upstream: Upstream) -> tf.Tensor:
        """Gradient of `loc`; see `mean_field.KernelState`. The scale follows `loc`, so the perturbation has one too."""
        return _loc_gradient(self, noise, upstream.mean, upstream.perturbation)

    def gradients(self, noise: tf.Tensor, upstream: Upstream) -> tuple[tf.Tensor, tf.Tensor]:
        """Gradients of `loc` and `log_ratio`; see `mean_field.KernelState`."""
        return _gradients(self, noise, upstream.mean, upstream.perturbation, upstream.kl_weight)


def _kl_terms(log_ratio: tf.Tensor) -> tf.Tensor:
    log_alpha = 2.0 * log_ratio
    return 0.5 * tf.nn.softplus(-log_alpha) + K1 * tf.sigmoid(-(K2 + K3 * log_alpha))


# Not `compiled`: a training step that does not use the value leaves it out.
@tf.function(jit_compile=True, autograph=False)
def _kl_of_all(log_ratio: tf.Tensor) -> tf.Tensor:
    return sum_in_float64(_kl_terms(log_ratio))


def _loc_gradient_terms(
    state: LogUniformState, noise: tf.Tensor, upstream_mean: tf.Tensor, upstream_perturbation: tf.Tensor
) -> tf.Tensor:
    slope = tf.exp(state.log_ratio) * tf.sign(state.loc) * tf.cast(noise, tf.float32)
    return tf.cast(upstream_mean, tf.float32) + tf.cast(upstream_perturbation, tf.float32) * slope


_loc_gradient = compiled(_loc_gradient_terms)


@compiled
def _gradients(
    state: LogUniformState,
    noise: tf.Tensor,
    upstream_mean: tf.Tensor,
    upstream_perturbation: tf.Tensor,
    kl_weight: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    loc_gradient = _loc_gradient_terms(state, noise, upstream_mean, upstream_perturbation)
    gradient = tf.cast(upstream_perturbation, tf.float32) * state.posterior_scale() * tf.cast(noise, tf.float32)
    kl_gradient = kl_weight * _kl_slope(state.log_ratio)
    if state.log_ratio.shape.rank == 0:
        gradient, kl_gradient = sum_in_float64(gradient), state.loc.shape.num_elements() * kl_gradient
    return loc_gradient, gradient + kl_gradient


def _kl_slope(log_ratio: tf.Tensor) -> tf.Tensor:
    """Derivative of `_kl_terms`."""
    log_alpha = 2.0 * log_ratio
    share = tf.sigmoid(K2 + K3 * log_alpha)
    return -tf.sigmoid(-log_alpha) - 2.0 * K1 * K3 * share * (1.0 - share)
