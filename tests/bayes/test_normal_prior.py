from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_insects.bayes.mean_field import kernel_and_perturbation
from tfp_insects.bayes.normal_prior import NormalState

SHAPE = (5, 7)
LAYOUTS = {  # Name -> (shape of log_ratio, shape of prior_loc).
    "ratio a weight, centred": (SHAPE, SHAPE),
    "ratio a weight, prior at 0": (SHAPE, ()),
    "one ratio, centred": ((), SHAPE),
    "one ratio, prior at 0": ((), ()),
}
layouts = pytest.mark.parametrize("layout", LAYOUTS)


def make_state(layout: str, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NormalState:
    """Numbers of ordinary size; some prior locations lie below the floor."""
    ratio_shape, prior_shape = (shape if part == SHAPE else () for part in LAYOUTS[layout])
    rng = np.random.default_rng(seed)
    prior_loc = np.float32(rng.normal(size=prior_shape)) if prior_shape else np.float32(0.0)
    return NormalState(
        loc=tf.constant(rng.normal(size=shape), tf.float32),
        log_ratio=tf.constant(rng.normal(-1.0, 0.5, size=ratio_shape), tf.float32),
        prior_loc=tf.constant(prior_loc),
        factor=tf.constant(0.7),
        floor=tf.constant(0.4),
    )


def in_float64(state: NormalState) -> tuple[np.ndarray, ...]:
    """Full arrays of loc, scale, prior_loc and prior_scale, written out from the definition."""
    loc, log_ratio, prior_loc, factor, floor = (np.float64(tensor.numpy()) for tensor in state)
    prior_scale = factor * np.maximum(np.abs(prior_loc), floor)
    return tuple(np.broadcast_to(a, loc.shape) for a in (loc, prior_scale * np.exp(log_ratio), prior_loc, prior_scale))


def kl_in_float64(state: NormalState) -> float:
    loc, scale, prior_loc, prior_scale = in_float64(state)
    variance_ratio = scale**2 / prior_scale**2
    return np.sum(0.5 * (variance_ratio + (loc - prior_loc) ** 2 / prior_scale**2 - 1.0) - 0.5 * np.log(variance_ratio))


def plain(state: NormalState, noise: tf.Tensor, kl_weight: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What the fused operation stands for, written with TFP's distributions."""
    prior_scale = state.factor * tf.maximum(tf.abs(state.prior_loc), state.floor)
    scale = tf.broadcast_to(prior_scale * tf.exp(state.log_ratio), state.loc.shape)
    prior = tfp.distributions.Normal(state.prior_loc, prior_scale)
    divergence = tfp.distributions.kl_divergence(tfp.distributions.Normal(state.loc, scale), prior)
    return state.loc, scale * noise, kl_weight * tf.reduce_sum(divergence)


@layouts
def test_scales_follow_their_definition(layout: str) -> None:
    state = make_state(layout)
    _, scale, _, prior_scale = in_float64(state)
    for found, expected in [(state.posterior_scale(), scale), (state.prior_scale(), prior_scale)]:
        np.testing.assert_allclose(np.broadcast_to(found, SHAPE), expected, rtol=1e-6)


@layouts
def test_divergence_equals_the_closed_form_in_float64(layout: str) -> None:
    state = make_state(layout)
    found = state.kl_divergence()
    assert found.dtype == tf.float32
    assert found.shape == []
    np.testing.assert_allclose(found, kl_in_float64(state), rtol=1e-6)
    np.testing.assert_allclose(found, plain(state, tf.zeros(SHAPE), 1.0)[2], rtol=1e-6)
    assert state.kl_terms().shape == SHAPE
    np.testing.assert_allclose(tf.reduce_sum(state.kl_terms()), found, rtol=1e-6)


def test_divergence_keeps_its_digits_over_a_million_terms() -> None:
    shape = (1024, 1024)
    state = make_state("ratio a weight, centred", shape)
    np.testing.assert_allclose(state.kl_divergence(), kl_in_float64(state), rtol=1e-6)


def test_divergence_of_the_prior_itself_is_zero() -> None:
    state = make_state("ratio a weight, centred")
    same = state._replace(loc=state.prior_loc, log_ratio=tf.zeros(SHAPE))
    assert float(same.kl_divergence()) == 0.0


@layouts
def test_fused_operation_equals_the_plain_formula_and_its_autodiff(layout: str, require_autodiff: Callable) -> None:
    require_autodiff(make_state(layout), plain)


@layouts
def test_gradient_of_the_divergence_alone_is_tfps(layout: str) -> None:
    state = make_state(layout)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([state.loc, state.log_ratio])
        found = kernel_and_perturbation(state, tf.ones(SHAPE), tf.float32, tf.constant(1.0), True)[2]
        wanted = plain(state, tf.ones(SHAPE), 1.0)[2]
    for variable in (state.loc, state.log_ratio):
        np.testing.assert_allclose(
            tape.gradient(found, variable), tape.gradient(wanted, variable), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_kernels_come_in_low_precision_but_divergence_and_gradients_in_float32(dtype: tf.DType) -> None:
    state = make_state("ratio a weight, centred")
    noise = tf.cast(tf.random.stateless_normal(SHAPE, [1, 2]), dtype)
    with tf.GradientTape() as tape:
        tape.watch([state.loc, state.log_ratio])
        mean, perturbation, divergence = kernel_and_perturbation(state, noise, dtype, tf.constant(1.0), True)
        total = tf.reduce_sum(tf.cast(mean + perturbation, tf.float32)) + divergence
    expected = plain(state, tf.cast(noise, tf.float32), 1.0)
    assert mean.dtype == perturbation.dtype == dtype
    np.testing.assert_array_equal(mean, tf.cast(expected[0], dtype))
    np.testing.assert_allclose(tf.cast(perturbation, tf.float32), expected[1], rtol=0.01)
    np.testing.assert_allclose(divergence, expected[2], rtol=1e-6)
    gradients = tape.gradient(total, [state.loc, state.log_ratio])
    assert [gradient.dtype for gradient in gradients] == [tf.float32, tf.float32]
    loc, scale, prior_loc, prior_scale = in_float64(state)
    np.testing.assert_allclose(gradients[0], 1.0 + (loc - prior_loc) / prior_scale**2, rtol=1e-5)
    ratio_gradient = scale * np.float64(tf.cast(noise, tf.float32)) + (scale / prior_scale) ** 2 - 1.0
    np.testing.assert_allclose(gradients[1], ratio_gradient, rtol=1e-4, atol=1e-5)
