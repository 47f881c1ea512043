"""A temperature that held-out images choose, and that is built into the last layer."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from scipy import special

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.head_covariance import fit_head_covariance
from tfp_insects.bayes.logit_temperature import MAX_TEMPERATURE, MIN_TEMPERATURE, divide_logits, fit_logit_temperature
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.priors import Prior, Variational

NUM_CLASSES = 3
INPUTS = np.float32(np.random.default_rng(1).normal(size=(300, 4)))
BATCHES = [(INPUTS[:200], None), (INPUTS[200:], None)]


def make_model(covariance_scale: float = 1.0) -> tf_keras.Sequential:
    hidden = Variational(Prior("scaled_normal"), posterior_ratio=0.2)
    last = Variational(Prior("scaled_normal"), posterior_ratio=0.2, covariance_scale=covariance_scale)
    model = tf_keras.Sequential(
        [
            tf_keras.Input([4]),
            DenseFlipout(6, "relu", variational=hidden, seed=1),
            DenseFlipout(NUM_CLASSES, variational=last, seed=2),
        ]
    )
    head = model.layers[-1]
    head.loc.assign(2.0 * tf.random.stateless_normal(head.loc.shape, [0, 1]))
    head.bias.assign([0.3, -0.2, 0.1])
    if covariance_scale:
        fit_head_covariance(model, [(INPUTS[:20], None)], 2, seed=0)
    return model


def labels_at(model: tf_keras.Model, temperature: float) -> np.ndarray:
    """Classes drawn with the probabilities that the network would have at a temperature."""
    moments = MomentsPredictor(model, tf.identity).predict(BATCHES, 2, seed=3, num_last_layer_samples=500)
    probabilities = special.softmax(moments / temperature, axis=-1).mean(0)
    random = np.random.default_rng(4).uniform(size=(len(INPUTS), 1))
    return np.minimum((random > probabilities.cumsum(-1)).sum(-1), NUM_CLASSES - 1)


def nll_of(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(probabilities.mean(0, dtype=np.float64)[np.arange(len(labels)), labels]).mean())


@pytest.mark.parametrize("true_temperature", [0.4, 2.0])
def test_it_is_the_most_probable_temperature(true_temperature: float) -> None:
    model = make_model()
    labels = labels_at(model, true_temperature)
    found = fit_logit_temperature(model, BATCHES, lambda one: nll_of(one, labels), num_samples=2, seed=5)
    logits = MomentsPredictor(model, tf.identity).predict(BATCHES, 2, seed=5, num_last_layer_samples=64)
    values = np.exp(np.linspace(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE), 400))
    nlls = [
        nll_of(special.softmax(logits / value, axis=-1), labels) + 2.0 * np.log(value) ** 2 / 300 for value in values
    ]
    assert found == pytest.approx(values[int(np.argmin(nlls))], rel=0.02)
    assert 0.6 < found / true_temperature < 1.6  # Of 300 images.


def test_labels_that_speak_for_any_confidence_leave_it_within_its_bounds() -> None:
    model = make_model()
    said = MomentsPredictor(model).predict(BATCHES, 2, seed=5, num_last_layer_samples=64).mean(0).argmax(-1)
    found = fit_logit_temperature(model, BATCHES, lambda one: nll_of(one, said), num_samples=2, seed=5)
    assert MIN_TEMPERATURE <= found < 0.5
    indifferent = fit_logit_temperature(model, BATCHES, lambda one: 1.0, num_samples=2, seed=5)
    assert indifferent == pytest.approx(1.0, abs=2e-3)


def test_a_few_images_that_are_all_answered_rightly_do_not_ask_for_boundless_confidence() -> None:
    model, few = make_model(), [(INPUTS[:6], None)]
    said = MomentsPredictor(model).predict(few, 2, seed=5, num_last_layer_samples=64).mean(0).argmax(-1)
    of_few = fit_logit_temperature(model, few, lambda one: nll_of(one, said), num_samples=2, seed=5)
    everything = MomentsPredictor(model).predict(BATCHES, 2, seed=5, num_last_layer_samples=64).mean(0).argmax(-1)
    of_all = fit_logit_temperature(model, BATCHES, lambda one: nll_of(one, everything), num_samples=2, seed=5)
    assert of_all < 0.6 * of_few < of_few < 1.0


def test_built_in_it_divides_the_logits_of_each_draw() -> None:
    model, temperature = make_model(), 0.37
    before = MomentsPredictor(model, tf.identity).predict(BATCHES, 2, seed=6, num_last_layer_samples=16)
    whole = MomentsPredictor(model).logit_moments(BATCHES, 2, seed=6)
    divide_logits(model.layers[-1], temperature)
    after = MomentsPredictor(model, tf.identity).predict(BATCHES, 2, seed=6, num_last_layer_samples=16)
    np.testing.assert_allclose(after, before / temperature, rtol=1e-4, atol=1e-4)
    scaled = MomentsPredictor(model).logit_moments(BATCHES, 2, seed=6)
    np.testing.assert_allclose(scaled.mean, whole.mean / temperature, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scaled.covariance, whole.covariance / temperature**2, rtol=1e-3, atol=1e-5)


def test_a_layer_without_a_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a layer with a covariance"):
        divide_logits(make_model(covariance_scale=0.0).layers[-1], 0.5)
