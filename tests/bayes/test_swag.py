from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.swag import (
    WeightMoments,
    WeightPosterior,
    assign_weights,
    draw_weights,
    read_weights,
)
from tfp_insects.bayes.swag_predictor import SwagPredictor


def way(num_snapshots: int, num_weights: int = 6, seed: int = 0) -> np.ndarray:
    """Weights before, and snapshots: `[1 + num_snapshots, num_weights]`."""
    steps = np.random.default_rng(seed).normal(0.0, 0.1, [1 + num_snapshots, num_weights])
    return (np.linspace(-2.0, 2.0, num_weights) + np.cumsum(steps, axis=0)).astype(np.float32)


def collected(points: Sequence[np.ndarray], rank: int) -> WeightPosterior:
    moments = WeightMoments(points[0], rank)
    for point in points[1:]:
        moments.add(point)
    return moments.posterior()


@pytest.mark.parametrize(("num_snapshots", "rank"), [(2, 2), (5, 3), (7, 3), (10, 5)])
def test_moments_are_those_of_the_papers_algorithm(num_snapshots: int, rank: int) -> None:
    points = way(num_snapshots).astype(np.float64)
    mean, square, deviations = points[0], points[0] ** 2, []
    for n, point in enumerate(points[1:], start=1):  # Algorithm 1, with c = 1 epoch.
        mean = (n * mean + point) / (n + 1)
        square = (n * square + point**2) / (n + 1)
        deviations = [*deviations, point - mean][-rank:]
    found = collected(points.astype(np.float32), rank)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(found.variance, square - mean**2, rtol=1e-4)
    expected = np.stack(deviations)
    # Their order does not matter: D D' is the sum over them.
    np.testing.assert_allclose(found.deviations.T @ found.deviations, expected.T @ expected, rtol=1e-4, atol=1e-7)
    assert found.deviations.shape == expected.shape
    assert found.num_numbers == 6 * (2 + rank)


def test_a_large_weight_that_hardly_moves_keeps_its_variance() -> None:
    points = (1000.0 + np.array([[0.0], [0.25], [-0.25], [0.5]])).astype(np.float32)
    assert collected(points, rank=2).variance[0] == pytest.approx(points.astype(np.float64).var(), rel=1e-3)


def test_draws_have_the_mean_and_the_covariance_of_the_posterior() -> None:
    posterior = collected(way(num_snapshots=6, num_weights=4), rank=3)
    draws = np.stack([draw_weights(posterior, seed=5, number=number) for number in range(20_000)])
    low_rank = posterior.deviations.T @ posterior.deviations / (3 - 1)
    covariance = 0.5 * (np.diag(posterior.variance) + low_rank)
    scale = np.sqrt(np.diag(covariance))
    # Standard errors are .007 of a scale for means, and at most .01 of a product of scales for covariances.
    np.testing.assert_allclose((draws.mean(axis=0) - posterior.mean) / scale, 0.0, atol=0.03)
    np.testing.assert_allclose((np.cov(draws.T) - covariance) / np.outer(scale, scale), 0.0, atol=0.05)
    assert (
        np.abs(covariance - np.diag(np.diag(covariance))).max() / scale.max() ** 2 > 0.2
    )  # Else a diagonal would pass.


def test_draws_are_functions_of_seed_and_number() -> None:
    posterior = collected(way(num_snapshots=3), rank=2)
    again = [draw_weights(posterior, 1, 0), draw_weights(posterior, 1, 0)]
    np.testing.assert_array_equal(*again)
    for other in (draw_weights(posterior, 1, 1), draw_weights(posterior, 2, 0)):
        assert np.abs(other - again[0]).min() > 0.0


def test_too_few_snapshots_and_a_rank_without_a_covariance_are_refused() -> None:
    with pytest.raises(ValueError, match="rank: expected at least 2, got 1"):
        WeightMoments(np.zeros(3, np.float32), rank=1)
    with pytest.raises(ValueError, match="expected 3 snapshots or more, got 2"):
        collected(way(num_snapshots=2), rank=3)


@pytest.fixture
def model() -> tf_keras.Model:
    """Two layers that train behind one that does not."""
    layers = [tf_keras.layers.Dense(units, activation="relu") for units in (5, 4)]
    layers[0].trainable = False
    return tf_keras.Sequential([tf_keras.Input([3]), *layers, tf_keras.layers.Dense(2)])


@pytest.fixture
def batches() -> list[tuple[tf.Tensor, None]]:
    images = np.random.default_rng(1).normal(size=[7, 3]).astype(np.float32)
    return [(tf.constant(images[:4]), None), (tf.constant(images[4:]), None)]


def test_weights_are_read_and_assigned_in_the_same_order(model: tf_keras.Model) -> None:
    variables, before = model.trainable_variables, read_weights(model.trainable_variables)
    assert before.shape == (5 * 4 + 4 + 4 * 2 + 2,)
    np.testing.assert_array_equal(before[:20].reshape(5, 4), variables[0])
    assign_weights(variables, np.arange(34, dtype=np.float32))
    np.testing.assert_array_equal(variables[2], np.arange(24, 32).reshape(4, 2))
    np.testing.assert_array_equal(read_weights(variables), np.arange(34))


def test_snapshots_that_are_all_equal_answer_as_the_network_does(
    model: tf_keras.Model, batches: list[tuple[tf.Tensor, None]]
) -> None:
    weights = read_weights(model.trainable_variables)
    expected = np.concatenate([tf.nn.softmax(model(images)) for images, _ in batches])
    found = SwagPredictor(model, collected([weights] * 4, rank=2)).predict(batches, num_samples=3, seed=0)
    np.testing.assert_array_equal(found, np.broadcast_to(expected, (3, 7, 2)))


def test_each_draw_is_one_network_for_all_images(model: tf_keras.Model, batches: list[tuple[tf.Tensor, None]]) -> None:
    variables = model.trainable_variables
    weights, rng = read_weights(variables), np.random.default_rng(0)
    points = [weights + rng.normal(0, 0.1, weights.shape).astype(np.float32) for _ in range(4)]
    posterior, told = collected(points, rank=2), []
    found = SwagPredictor(model, posterior).predict(batches, num_samples=3, seed=8, on_images=told.append)
    np.testing.assert_array_equal(read_weights(variables), posterior.mean)
    for number, draw in enumerate(found):
        assign_weights(variables, draw_weights(posterior, 8, number))
        expected = np.concatenate([tf.nn.softmax(model(images)) for images, _ in batches])
        np.testing.assert_allclose(draw, expected, rtol=1e-5)
    assert found.std(axis=0).min() > 1e-4
    assert sum(told) == pytest.approx(7)
    with pytest.raises(ValueError, match="num_last_layer_samples: expected 1, got 2"):
        SwagPredictor(model, posterior).predict(batches, 3, 8, num_last_layer_samples=2)
