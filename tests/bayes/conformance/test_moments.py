"""What a layer's random passes and kernels are distributed like, and their divergence from the prior."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_insects.bayes import Prior, Variational

NUM_DRAWS = 2000
PRIORS = ("standard_normal", "normal", "scaled_normal", "pretrained")
shapes = pytest.mark.parametrize("name", ["dense, places", "convolution, dilation"])


def draw(one: Any) -> np.ndarray:
    """float64 `[NUM_DRAWS, ...]`."""
    run = tf.function(lambda: tf.map_fn(one, tf.range(NUM_DRAWS), fn_output_signature=tf.float32))
    return np.float64(run())


def require_moments(draws: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> None:
    """Draws are exactly normal, so these are five standard errors."""
    assert np.all(np.abs(draws.mean(0) - mean) < 5 * np.sqrt(variance / NUM_DRAWS))
    assert np.all(np.abs(draws.var(0) / variance - 1) < 5 * np.sqrt(2 / NUM_DRAWS))


@shapes
def test_outputs_over_training_passes_have_the_closed_forms_mean_and_variance(name: str, cases: Any) -> None:
    case = cases[name]
    layer, inputs = case.trained(activation=None), case.inputs()[:1]
    outputs = draw(lambda _: layer(inputs, training=True))
    loc, variance = (np.float64(one) for one in (layer.loc, layer.kernel_posterior.variance()))
    expected = case.numpy_linear(np.float64(inputs), loc) + layer.bias.numpy()
    require_moments(outputs, expected, case.numpy_linear(np.float64(inputs) ** 2, variance))


@shapes
def test_drawn_kernels_follow_the_posterior_at_its_temperature(name: str, cases: Any) -> None:
    temperature = 0.25
    layer = cases[name].trained(
        variational=Variational(Prior("scaled_normal"), posterior_ratio=0.3, temperature=temperature)
    )
    kernels = draw(lambda i: layer.sample_pair(tf.stack([7, i]))[0])
    require_moments(kernels, layer.loc.numpy(), temperature * layer.kernel_posterior.variance().numpy())


@pytest.mark.parametrize("kind", PRIORS)
def test_the_divergence_is_tfps(kind: str, cases: Any) -> None:
    layer = cases["convolution, rectangular"].trained(variational={"prior": {"kind": kind, "scale": 0.7}})
    fan_in = 3 * 2 * 2
    if kind == "scaled_normal":
        np.testing.assert_allclose(layer.kernel_prior.stddev(), np.full((3, 2, 2, 3), 0.7 / np.sqrt(fan_in)), rtol=1e-6)
    expected = tfp.distributions.kl_divergence(layer.kernel_posterior, layer.kernel_prior)
    assert float(expected) > 1.0
    np.testing.assert_allclose(layer.kl_divergence(), expected, rtol=1e-5)
