"""Kernels drawn from a layer's posterior, from a seed and from the table of the training steps."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras


def draw_kernels(layer: tf_keras.layers.Layer, num_draws: int, side: int = 0) -> np.ndarray:
    seeds = tf.stack([tf.fill([num_draws], 7), tf.range(num_draws)], 1)
    sample = tf.function(
        lambda: tf.map_fn(lambda seed: layer.sample_pair(seed)[side], seeds, fn_output_signature=tf.float32)
    )
    return sample().numpy().astype(np.float64)


@pytest.mark.parametrize("side", [0, 1])
def test_each_kernel_of_a_pair_follows_the_posterior(side: int, kind: str, prior: str, layers: Any) -> None:
    layer, num_draws = layers.trained(kind, layers.variational(prior)), 4000
    kernels = draw_kernels(layer, num_draws, side)
    variance = layer.kernel_posterior.variance().numpy()
    assert np.all(np.abs(kernels.mean(0) - layer.loc) < 5 * np.sqrt(variance / num_draws))
    assert np.all(np.abs(kernels.var(0) / variance - 1) < 5 * np.sqrt(2 / num_draws))
    np.testing.assert_allclose(kernels[3], layer.sample_pair(tf.constant([7, 3]))[side], rtol=1e-5, atol=1e-6)


def test_a_pair_is_mirrored_in_the_mean(kind: str, layers: Any) -> None:
    layer = layers.trained(kind, layers.variational())
    for pair in (layer.sample_pair(tf.constant([7, 3])), layer.sample_pair_from_table(tf.constant(0))):
        assert np.abs(pair[0] - layer.loc).max() > 0.01
        np.testing.assert_allclose((pair[0] + pair[1]) / 2, layer.loc, atol=1e-6)


def test_a_temperature_scales_the_variance_of_predictions_alone(kind: str, layers: Any) -> None:
    warm, cold = (layers.trained(kind, layers.variational(temperature=t)) for t in (1.0, 0.25))
    for draw in (lambda layer: layer.sample_pair(tf.constant([7, 3])), lambda layer: layer.sample_pair_from_table(0)):
        np.testing.assert_allclose(draw(cold)[0] - cold.loc, 0.5 * (draw(warm)[0] - warm.loc), atol=1e-6)
    np.testing.assert_allclose(cold.predictive_scale(), 0.5 * cold.posterior_scale(), rtol=1e-6)
    np.testing.assert_array_equal(cold.kl_divergence(), warm.kl_divergence())
    inputs = layers.random_inputs(kind)
    np.testing.assert_array_equal(cold(inputs, training=True), warm(inputs, training=True))


def test_weights_of_a_unit_have_the_covariance_that_they_are_given(layers: Any) -> None:
    layer = layers.trained("dense", layers.variational(covariance_scale=0.6, temperature=0.5))
    (num_inputs, num_units), num_draws = layers.kernel_shapes["dense"], 6000
    np.testing.assert_allclose(layer.covariance_factor, 0.6 / np.sqrt(num_inputs) * np.eye(num_inputs), rtol=1e-6)
    factor = np.random.default_rng(0).normal(size=(num_inputs, num_inputs)).astype(np.float32)
    layer.covariance_factor.assign(factor)
    kernels = draw_kernels(layer, num_draws)
    first, second = layer.sample_pair(tf.constant([7, 0]))
    np.testing.assert_allclose((first + second) / 2, layer.loc, atol=1e-5)
    deviations = kernels - layer.loc.numpy()
    assert np.abs(deviations.mean(0)).max() < 5 * np.sqrt(deviations.var(0).max() / num_draws)
    expected = 0.5 * factor @ factor.T
    spread = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / num_draws)
    for i in range(num_units):
        for j in range(num_units):
            found = deviations[:, :, i].T @ deviations[:, :, j] / num_draws
            assert np.all(np.abs(found - (expected if i == j else 0.0)) < 5 * spread), (i, j)


@pytest.mark.parametrize("noise_multiplier", [1.0, 0.5])
def test_kernels_from_the_table_are_unlike_the_noise_of_training_steps(
    kind: str, noise_multiplier: float, layers: Any
) -> None:
    layer = layers.trained(kind, layers.variational(noise_multiplier=noise_multiplier))
    draws = [layer.sample_pair_from_table(tf.constant(pair))[0].numpy() for pair in (0, 1, 0)]
    np.testing.assert_array_equal(draws[0], draws[2])
    scale, table = noise_multiplier * layer.kernel_posterior.stddev().numpy(), layer._table()
    noises = [((draw - layer.loc) / scale).numpy().ravel() for draw in draws[:2]]
    shape = layers.kernel_shapes[kind]
    steps = [table.read(tf.constant(step, tf.int64), 0, shape).numpy().ravel() for step in range(1, 9)]
    for noise in noises:
        assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
        assert abs(noise.var() - 1) < 5 * np.sqrt(2 / noise.size)
    correlations = np.corrcoef([*noises, *steps])[np.triu_indices(10, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(noises[0].size)
