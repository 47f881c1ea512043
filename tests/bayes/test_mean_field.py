import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes import mean_field
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.log_uniform_prior import LogUniformState
from tfp_insects.bayes.normal_prior import NormalState
from tfp_insects.bayes.priors import Prior, Variational

SHAPE = (5, 7)
RNG = np.random.default_rng(0)
LOC, NOISE = (tf.constant(RNG.normal(size=SHAPE), tf.float32) for _ in range(2))
LOG_RATIO = tf.constant(-1.0)
STATES = {  # With the scales that they stand for.
    "normal": (NormalState(LOC, LOG_RATIO, tf.constant(0.3), tf.constant(2.0), tf.constant(0.1)), np.exp(-1) * 0.6),
    "log_uniform": (LogUniformState(LOC, LOG_RATIO), np.exp(-1) * np.abs(LOC)),
}
priors = pytest.mark.parametrize("prior", STATES)


@priors
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
@pytest.mark.parametrize("noise_multiplier", [1.0, 0.5, 0.0])
def test_a_drawn_kernel_is_mean_and_multiplied_noise(prior: str, dtype: tf.DType, noise_multiplier: float) -> None:
    state, scale = STATES[prior]
    found = mean_field.draw_kernel(state, tf.cast(NOISE, dtype), noise_multiplier, dtype)
    assert found.dtype == dtype
    noise = tf.cast(tf.cast(NOISE, dtype), tf.float32)
    expected = tf.cast(LOC + noise_multiplier * scale * noise, dtype)
    tolerance = {tf.float32: 1e-6, tf.bfloat16: 1e-2, tf.float16: 1e-3}[dtype]
    np.testing.assert_allclose(tf.cast(found, tf.float32), tf.cast(expected, tf.float32), rtol=tolerance, atol=1e-6)


@priors
def test_one_operation_serves_traces_of_both_priors(prior: str) -> None:
    state, scale = STATES[prior]
    mean, perturbation, divergence = mean_field.kernel_and_perturbation(
        state, NOISE, tf.float32, tf.constant(0.5), learn_scale=False
    )
    np.testing.assert_array_equal(mean, LOC)
    np.testing.assert_allclose(perturbation, scale * NOISE, rtol=1e-6)
    np.testing.assert_allclose(divergence, 0.5 * state.kl_divergence(), rtol=1e-6)


def test_a_gradient_passes_through_a_draw_in_a_graph() -> None:
    """Of `loc + multiplier * scale * noise`, with the scale of a normal state: one for each weight's mean."""
    layer = DenseFlipout(3, variational=Variational(Prior("scaled_normal"), posterior_ratio=0.2), seed=1)
    layer.build([None, 4])

    @tf.function(autograph=False)
    def gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer.sample_pair(tf.constant([1, 2]))[0])
        return tape.gradient(total, layer.loc)

    np.testing.assert_allclose(gradient(), np.ones([4, 3]))
