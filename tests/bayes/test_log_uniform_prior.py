import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from tfp_insects.bayes.log_uniform_prior import LogUniformState
from tfp_insects.bayes.mean_field import kernel_and_perturbation

SHAPE = (5, 7)
LAYOUTS = {"a ratio a weight": SHAPE, "one ratio": ()}  # Name -> shape of log_ratio.
layouts = pytest.mark.parametrize("layout", LAYOUTS)
# Shares of the mean from a hundredth to a hundredfold.
RATIOS = np.exp(np.linspace(math.log(0.01), math.log(100.0), 33))


def make_state(layout: str, seed: int = 0) -> LogUniformState:
    """Numbers of ordinary size; one weight is 0."""
    rng = np.random.default_rng(seed)
    loc = rng.normal(size=SHAPE)
    loc[1, 2] = 0.0
    log_ratio = rng.normal(-1.0, 0.5, size=LAYOUTS[layout])
    return LogUniformState(tf.constant(loc, tf.float32), tf.constant(log_ratio, tf.float32))


def kl_of_a_weight(ratio: np.ndarray | float) -> np.ndarray:
    """Molchanov, Ashukha, Vetrov 2017, eq. 14, as it stands there."""
    k1, k2, k3 = 0.63576, 1.87320, 1.48695
    alpha = np.float64(ratio) ** 2
    negative = k1 / (1.0 + np.exp(-(k2 + k3 * np.log(alpha)))) - 0.5 * np.log(1.0 + 1.0 / alpha) - k1
    return -negative


def exact_kl_of_a_weight(ratio: float) -> float:
    """KL(N(w, ratio² w²) || log-uniform) by quadrature, up to the prior's constant.

    With x ~ N(1, ratio²): E log |x| - log ratio, made to tend to 0 where the ratio tends to infinity by E log |N(0, 1)|.
    """
    density = stats.norm(1.0, ratio).pdf
    low, high = 1.0 - 12.0 * ratio, 1.0 + 12.0 * ratio
    # The logarithm's pole has to be an end of the intervals.
    ends = sorted({low, high, *(one for one in (-0.1, 0.0, 0.1) if low < one < high)})
    mean_log = sum(
        integrate.quad(lambda x: density(x) * np.log(np.abs(x)), *pair, limit=200)[0]
        for pair in itertools.pairwise(ends)
    )
    return mean_log - math.log(ratio) + (np.euler_gamma + math.log(2.0)) / 2.0


def plain(state: LogUniformState, noise: tf.Tensor, kl_weight: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What the fused operation stands for: `loc`, `a |loc| noise` and the divergence, for TensorFlow to differentiate."""
    ratio = tf.exp(state.log_ratio)
    k1, k2, k3 = 0.63576, 1.87320, 1.48695
    alpha = tf.square(ratio)
    divergence = k1 + 0.5 * tf.math.log(1.0 + 1.0 / alpha) - k1 * tf.sigmoid(k2 + k3 * tf.math.log(alpha))
    return state.loc, ratio * tf.abs(state.loc) * noise, kl_weight * tf.reduce_sum(tf.broadcast_to(divergence, SHAPE))


@pytest.mark.parametrize("ratio", RATIOS[::4])
def test_divergence_is_that_of_the_improper_prior(ratio: float) -> None:
    state = LogUniformState(tf.ones([1, 1]), tf.constant(math.log(ratio), tf.float32))
    # The paper's approximation is this close; float32 is closer.
    assert float(state.kl_divergence()) == pytest.approx(exact_kl_of_a_weight(ratio), abs=0.009)


def test_differences_of_divergences_need_no_constant() -> None:
    exact = np.diff([exact_kl_of_a_weight(ratio) for ratio in RATIOS])
    found = [LogUniformState(tf.ones([1]), tf.constant([math.log(r)], tf.float32)).kl_divergence() for r in RATIOS]
    np.testing.assert_allclose(np.diff(found), exact, atol=0.009)
    assert np.all(np.diff(found) < 0.0)


@layouts
def test_divergence_is_equation_14(layout: str) -> None:
    state = make_state(layout)
    found = state.kl_divergence()
    expected = np.broadcast_to(kl_of_a_weight(np.exp(np.float64(state.log_ratio))), SHAPE)
    assert (found.dtype, found.shape) == (tf.float32, [])
    np.testing.assert_allclose(found, expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(np.broadcast_to(state.kl_terms(), SHAPE), expected, rtol=1e-5)


def test_divergence_is_positive_and_tends_to_zero() -> None:
    log_ratios = tf.constant([-40.0, -5.0, 0.0, 2.0, 40.0])
    terms = LogUniformState(tf.ones([5]), log_ratios).kl_terms().numpy()
    assert np.all(np.isfinite(terms))
    assert np.all(terms >= 0.0)
    assert terms[-1] < 1e-30
    assert terms[0] == pytest.approx(40.0 + 0.63576)  # -log a, and the whole of the sigmoid's factor.


@layouts
def test_divergence_does_not_depend_on_the_mean(layout: str) -> None:
    state = make_state(layout)
    other = state._replace(loc=-3.0 * state.loc + 1.0)
    assert float(state.kl_divergence()) == float(other.kl_divergence())


def test_divergence_counts_each_weight_of_many() -> None:
    state = LogUniformState(tf.ones([2048, 2048]), tf.constant(-1.0))
    expected = 2048**2 * kl_of_a_weight(math.exp(-1))
    np.testing.assert_allclose(state.kl_divergence(), expected, rtol=1e-6)
    each = state._replace(log_ratio=tf.fill([2048, 2048], -1.0))
    np.testing.assert_allclose(each.kl_divergence(), expected, rtol=1e-6)


@layouts
def test_scale_follows_the_mean(layout: str) -> None:
    state = make_state(layout)
    ratio = np.exp(np.float64(state.log_ratio))
    np.testing.assert_allclose(state.posterior_scale(), ratio * np.abs(state.loc), rtol=1e-6)
    moved = state._replace(loc=2.0 * state.loc)
    np.testing.assert_allclose(moved.posterior_scale(), 2.0 * ratio * np.abs(state.loc), rtol=1e-6)


@layouts
def test_fused_operation_equals_the_plain_formula_and_its_autodiff(layout: str, require_autodiff: Callable) -> None:
    require_autodiff(make_state(layout), plain)


def test_gradients_of_two_weights_written_out() -> None:
    state = LogUniformState(tf.constant([[2.0, -4.0]]), tf.constant(math.log(0.5)))
    noise = tf.constant([[1.0, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch([state.loc, state.log_ratio])
        mean, perturbation, divergence = kernel_and_perturbation(state, noise, tf.float32, tf.constant(0.1), True)
        total = tf.reduce_sum(mean * [[10.0, 20.0]]) + tf.reduce_sum(perturbation * [[1.0, -1.0]]) + divergence
    np.testing.assert_allclose(perturbation, [[0.5 * 2 * 1, 0.5 * 4 * 3]], rtol=1e-6)
    loc_gradient, ratio_gradient = tape.gradient(total, [state.loc, state.log_ratio])
    # Upstream of the mean, and a sign(loc) noise times that of the perturbation.
    np.testing.assert_allclose(loc_gradient, [[10 + 0.5 * 1 * 1, 20 + 0.5 * -1 * 3 * -1]], rtol=1e-6)
    step = 1e-6
    slope = (kl_of_a_weight(0.5 * math.exp(step)) - kl_of_a_weight(0.5 * math.exp(-step))) / (2 * step)
    np.testing.assert_allclose(ratio_gradient, 1 * 1 + 6 * -1 + 0.1 * 2 * slope, rtol=1e-5)


@pytest.mark.parametrize("learn_scale", [True, False])
def test_a_weight_of_zero_has_no_noise_and_a_finite_gradient(learn_scale: bool) -> None:
    state = make_state("one ratio")
    with tf.GradientTape() as tape:
        tape.watch(state.loc)
        mean, perturbation, divergence = kernel_and_perturbation(
            state, tf.ones(SHAPE), tf.float32, tf.constant(1.0), learn_scale
        )
        total = tf.reduce_sum(2.0 * mean + 3.0 * perturbation) + divergence
    assert float(perturbation[1, 2]) == 0.0
    assert float(tape.gradient(total, state.loc)[1, 2]) == 2.0


@layouts
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_kernels_come_in_low_precision_but_divergence_and_gradients_in_float32(layout: str, dtype: tf.DType) -> None:
    state = make_state(layout)
    noise = tf.cast(tf.random.stateless_normal(SHAPE, [1, 2]), dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([state.loc, state.log_ratio])
        found = kernel_and_perturbation(state, noise, dtype, tf.constant(1.0), True)
        expected = plain(state, tf.cast(noise, tf.float32), 1.0)
        totals = [tf.reduce_sum(tf.cast(one[0] + one[1], tf.float32)) + one[2] for one in (found, expected)]
    assert found[0].dtype == found[1].dtype == dtype
    np.testing.assert_array_equal(found[0], tf.cast(expected[0], dtype))
    np.testing.assert_allclose(tf.cast(found[1], tf.float32), expected[1], rtol=0.01)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-6)
    gradients, wanted = (tape.gradient(total, [state.loc, state.log_ratio]) for total in totals)
    assert [gradient.dtype for gradient in gradients] == [tf.float32, tf.float32]
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
