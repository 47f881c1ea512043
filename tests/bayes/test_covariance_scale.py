"""The scale of the last layer's covariance, chosen by held-out images or by the marginal likelihood."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.covariance_scale import STEP, by_held_out, by_marginal_likelihood, lowest
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.head_covariance import curvature_of, factor_of, fit_head_covariance
from tfp_insects.bayes.last_layer_laplace import log_marginal_likelihood
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.priors import Prior, Variational

NUM_INPUTS, NUM_CLASSES, START = 6, 3, 1.0


def make_model() -> tf_keras.Sequential:
    hidden = Variational(Prior("scaled_normal"), posterior_ratio=0.2)
    last = Variational(Prior("scaled_normal"), posterior_ratio=0.2, covariance_scale=START)
    model = tf_keras.Sequential(
        [
            tf_keras.Input([4]),
            DenseFlipout(NUM_INPUTS, "relu", variational=hidden, seed=1),
            DenseFlipout(NUM_CLASSES, variational=last, seed=2),
        ]
    )
    model.layers[-1].loc.assign(4.0 * tf.random.stateless_normal([NUM_INPUTS, NUM_CLASSES], [0, 1]))
    return model


def inputs(num: int, seed: int) -> np.ndarray:
    return np.float32(np.random.default_rng(seed).normal(size=(num, 4)))


TRAINING, HELD_OUT = inputs(12, 0), inputs(200, 1)


def labels_of(model: tf_keras.Model) -> np.ndarray:
    """What the network says for nine images of ten, and a class at random for the others."""
    random = np.random.default_rng(2)
    said = model(HELD_OUT, training=False).numpy().argmax(-1)
    return np.where(random.uniform(size=len(said)) < 0.9, said, random.integers(0, NUM_CLASSES, len(said)))


def fitted_scale(model: tf_keras.Model, labels: np.ndarray) -> float:
    def nll(probabilities: np.ndarray) -> float:
        return float(-np.log(probabilities.mean(0)[np.arange(len(labels)), labels]).mean())

    choose = by_held_out(model, [(HELD_OUT, None)], nll, num_samples=2, seed=5)
    chosen = fit_head_covariance(model, [(TRAINING, None)], 2, seed=0, choose_scale=choose)
    assert chosen is not None
    return chosen


def test_the_scale_of_lowest_nll_as_predictions_have_it() -> None:
    model = make_model()
    labels = labels_of(model)
    chosen = fitted_scale(model, labels)
    found = []
    for scale in chosen * STEP ** np.arange(-2.0, 3.0):
        fit_head_covariance(model, [(TRAINING, None)], 2, seed=0, choose_scale=lambda *_, s=scale: s / NUM_INPUTS**0.5)
        probabilities = MomentsPredictor(model).predict([(HELD_OUT, None)], 1, seed=5, num_last_layer_samples=4000)
        found.append(-np.log(probabilities.mean(0)[np.arange(200), labels]).mean())
    assert found[2] < min(found) + 1e-3  # Draws of the logits are others here.
    assert found[2] < min(found[0], found[-1])
    assert chosen != START


def test_the_covariance_that_stays_is_of_the_scale_that_is_returned() -> None:
    model = make_model()
    chosen = fitted_scale(model, labels_of(model))
    found = model.layers[-1].covariance_factor.numpy()
    fit_head_covariance(model, [(TRAINING, None)], 2, seed=0, choose_scale=lambda *_: chosen / NUM_INPUTS**0.5)
    np.testing.assert_allclose(found, model.layers[-1].covariance_factor, rtol=1e-5, atol=1e-7)


def test_without_a_choice_the_scale_is_the_layers() -> None:
    assert fit_head_covariance(make_model(), [(TRAINING, None)], 2, seed=0) == pytest.approx(START)


def test_the_marginal_likelihood_is_highest() -> None:
    head = make_model().layers[-1]
    curvature = curvature_of(np.random.default_rng(3).normal(size=(2, 40, NUM_INPUTS)))
    chosen, eigenvalues = by_marginal_likelihood(head, curvature), np.linalg.eigvalsh(curvature)

    def evidence(scale: float) -> float:
        return log_marginal_likelihood(scale, head.loc.numpy(), eigenvalues)

    assert evidence(chosen) > max(evidence(chosen * 1.05), evidence(chosen / 1.05))


def test_a_covariance_of_moments_counts_their_variance() -> None:
    mean, variance = np.ones([1, 3, 2]), np.array([[[1.0, 2.0]] * 3])
    np.testing.assert_allclose(curvature_of(mean, variance), [[3.0, 1.5], [1.5, 4.5]])
    factor = np.float64(factor_of(curvature_of(mean, variance), 0.5))
    np.testing.assert_allclose(np.linalg.inv(factor @ factor.T), [[7.0, 1.5], [1.5, 8.5]], rtol=1e-5)


@pytest.mark.parametrize("best", [1.0, 2.0, 4.0, 0.5, 0.125])
def test_the_search_ends_at_the_least_in_either_direction(best: float) -> None:
    assert lowest(lambda x: abs(np.log(x / best)), 1.0) == pytest.approx(best)


def test_the_search_ends_somewhere_where_a_function_always_falls() -> None:
    assert lowest(lambda x: 1.0 / x, 1.0) == pytest.approx(16.0)
    assert lowest(lambda x: x, 1.0) == pytest.approx(1 / 16.0)


def test_the_search_stays_where_nothing_is_a_number() -> None:
    assert lowest(lambda x: float("nan"), 3.0) == 3.0
