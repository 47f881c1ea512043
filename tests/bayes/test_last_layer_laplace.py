import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from scipy import optimize, special

from tfp_insects.bayes.last_layer_laplace import (
    curvature_eigenvalues,
    fit_last_layer_posterior,
    last_layer_factor,
    log_marginal_likelihood,
    most_likely_scale,
    with_last_layer_posterior,
)
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor

NUM_INPUTS, NUM_CLASSES = 5, 3
IMAGES = np.float32(np.random.default_rng(0).normal(size=(30, 6)))


def network() -> tf_keras.Sequential:
    """A hidden layer and a head with weights that are not 0, as after training."""
    tf_keras.utils.set_random_seed(1)
    layers = [tf_keras.Input([6]), tf_keras.layers.Dense(NUM_INPUTS, "relu"), tf_keras.layers.Dropout(0.5)]
    return tf_keras.Sequential([*layers, tf_keras.layers.Dense(NUM_CLASSES, bias_initializer="random_normal")])


def features_of(model: tf_keras.Sequential) -> np.ndarray:
    kernel, bias = (weight.numpy().astype(np.float64) for weight in model.layers[0].weights)
    return np.maximum(IMAGES @ kernel + bias, 0.0)


@pytest.mark.parametrize("num_examples", [3, 30])  # Fewer images than inputs, and more.
def test_eigenvalues_are_those_of_the_curvature_and_leave_out_zeros_alone(num_examples: int) -> None:
    features = np.random.default_rng(2).normal(size=(num_examples, NUM_INPUTS))
    whole = np.linalg.eigvalsh(0.5 * sum(np.outer(phi, phi) for phi in features))
    found = curvature_eigenvalues(features)
    np.testing.assert_allclose(np.sort(found), whole[-len(found) :], atol=1e-9)
    np.testing.assert_allclose(whole[: -len(found)], 0.0, atol=1e-9)


def grid(centre: np.ndarray, reach: float) -> tuple[np.ndarray, float]:
    """Points `[num, 2]` around a kernel of one input and two units, and the area of each."""
    steps = np.linspace(-reach, reach, 401)
    points = np.stack(np.meshgrid(centre[0, 0] + steps, centre[0, 1] + steps), axis=-1).reshape(-1, 2)
    return points, float((steps[1] - steps[0]) ** 2)


def log_prior(points: np.ndarray, scale: float) -> np.ndarray:
    return -0.5 * np.sum(points**2, axis=-1) / scale**2 - points.shape[-1] * np.log(scale * np.sqrt(2.0 * np.pi))


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_marginal_likelihood_is_the_integral_of_the_normal_approximation(scale: float) -> None:
    features, kernel, log_likelihood = np.array([[0.7], [-1.2], [0.4]]), np.array([[0.8, -0.5]]), -2.3
    points, area = grid(kernel, reach=15.0)
    precision = 0.5 * np.sum(features**2) + 1.0 / scale**2
    height = log_likelihood + log_prior(kernel, scale)[0]
    values = height - 0.5 * precision * np.sum((points - kernel) ** 2, axis=-1)
    expected = special.logsumexp(values) + np.log(area)
    found = log_marginal_likelihood(scale, kernel, curvature_eigenvalues(features), log_likelihood)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_at_the_likeliest_kernel_it_is_a_bound_of_the_true_one(scale: float) -> None:
    """Softmax's curvature lies between 0 and its bound, so the true integral lies between those of these two curvatures."""
    features, labels = np.array([[0.7], [-1.2], [0.4], [1.5]]), np.array([0, 1, 1, 0])

    def log_joint(points: np.ndarray) -> np.ndarray:
        logits = features @ points[:, np.newaxis, :]
        rows = special.log_softmax(logits, axis=-1)
        return rows[:, np.arange(4), labels].sum(axis=-1) + log_prior(points, scale)

    kernel = optimize.minimize(lambda flat: -log_joint(flat[np.newaxis])[0], np.zeros(2)).x[np.newaxis]
    points, area = grid(kernel, reach=8.0 * scale)
    true = special.logsumexp(log_joint(points)) + np.log(area)
    log_likelihood = log_joint(kernel)[0] - log_prior(kernel, scale)[0]
    eigenvalues = curvature_eigenvalues(features)
    lower = log_marginal_likelihood(scale, kernel, eigenvalues, log_likelihood)
    upper = log_marginal_likelihood(scale, kernel, 0.0 * eigenvalues, log_likelihood)
    assert lower < true < upper


@pytest.mark.parametrize(("size", "num_examples"), [(0.1, 3), (1.0, 30), (5.0, 30)])
def test_the_scale_is_the_best_of_a_grid(size: float, num_examples: int) -> None:
    rng = np.random.default_rng(3)
    kernel = size * rng.normal(size=(NUM_INPUTS, NUM_CLASSES))
    eigenvalues = curvature_eigenvalues(rng.normal(size=(num_examples, NUM_INPUTS)))
    scales = np.geomspace(1e-3, 1e3, 20_001)
    best = scales[np.argmax([log_marginal_likelihood(scale, kernel, eigenvalues) for scale in scales])]
    assert most_likely_scale(kernel, eigenvalues) == pytest.approx(best, rel=1e-3)


def test_a_kernel_or_images_that_say_nothing_leave_the_scale_at_its_ends() -> None:
    kernel, eigenvalues = np.ones((4, 2)), np.ones(4)
    assert most_likely_scale(0.0 * kernel, eigenvalues) == pytest.approx(1e-4 / 2)
    assert most_likely_scale(kernel, 0.0 * eigenvalues) == pytest.approx(1e4 / 2)


def test_the_covariance_is_the_closed_form_and_gives_the_logits_theirs() -> None:
    model = network()
    posterior = with_last_layer_posterior(model)
    scale = fit_last_layer_posterior(posterior, [(IMAGES[:20], None), (IMAGES[20:], None)])
    features, kernel = features_of(model), model.layers[-1].kernel.numpy()
    assert scale == pytest.approx(most_likely_scale(kernel, curvature_eigenvalues(features)), rel=1e-4)
    covariance = np.linalg.inv(np.eye(NUM_INPUTS) / scale**2 + 0.5 * features.T @ features)
    factor = last_layer_factor(posterior).numpy().astype(np.float64)
    np.testing.assert_allclose(factor @ factor.T, covariance, rtol=1e-3, atol=1e-6)
    found = MomentsPredictor(posterior).logit_moments([(IMAGES, None)], 2, seed=0)
    np.testing.assert_allclose(found.mean[0], model(IMAGES), rtol=1e-4, atol=1e-5)
    variance = np.einsum("ni,ij,nj->n", features, covariance, features)
    expected = variance[:, np.newaxis, np.newaxis] * np.eye(NUM_CLASSES)
    np.testing.assert_allclose(found.covariance[0], expected, rtol=1e-3, atol=1e-6)


def test_without_a_spread_it_is_the_network_that_it_was_made_of() -> None:
    model = network()
    posterior = with_last_layer_posterior(model)
    last_layer_factor(posterior).assign(1e-7 * tf.eye(NUM_INPUTS))
    expected = tf.nn.softmax(model(IMAGES))
    for predictor in (MomentsPredictor(posterior), MonteCarloPredictor(posterior)):
        draws = predictor.predict([(IMAGES, None)], 2, 0, 3)
        np.testing.assert_allclose(draws, np.broadcast_to(expected, draws.shape), atol=1e-5)


def test_the_network_that_it_was_made_of_stays_as_it_is() -> None:
    model = network()
    before = [weight.numpy() for weight in model.weights]
    fit_last_layer_posterior(with_last_layer_posterior(model), [(IMAGES, None)])
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight)
