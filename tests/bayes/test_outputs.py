from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.elbo import loss_and_logits
from tfp_insects.bayes.monte_carlo import predict_samples
from tfp_insects.bayes.outputs import output_activations, to_probabilities

layers = tf_keras.layers
INPUTS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
VARIATIONAL = {"prior": {"kind": "scaled_normal"}, "num_train_examples": 10, "posterior_ratio": 0.5}


def ending(*last: Any) -> tf_keras.Model:
    outputs = inputs = tf_keras.Input([4])
    for layer in last:
        outputs = layer(outputs)
    return tf_keras.Model(inputs, outputs)


def head(units: int = 3, activation: str | None = None) -> DenseFlipout:
    return DenseFlipout(units, activation=activation, variational=VARIATIONAL, seed=1)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([head()], "linear"),
        ([head(activation="relu")], "linear"),
        ([head(activation="softmax")], "softmax"),
        ([layers.Dense(3, activation=tf.nn.softmax)], "softmax"),
        ([head(), layers.Softmax()], "softmax"),
        ([head(), tf.nn.softmax], "softmax"),
        ([head(activation="softmax"), layers.Activation("linear", dtype="float32")], "softmax"),
        ([head(2, "sigmoid"), layers.Reshape([2, 1])], "sigmoid"),
        ([head(1), tf.sigmoid], "sigmoid"),
        ([head(activation="softmax"), layers.Dense(3)], "linear"),
    ],
)
def test_the_last_activation_is_found(last: list[Any], expected: str) -> None:
    assert output_activations(ending(*last)) == [expected]
    assert output_activations(ending(tf_keras.Sequential([tf_keras.Input([4]), ending(*last)]))) == [expected]


@pytest.mark.parametrize(
    ("units", "activation"), [(3, None), (1, None), (3, "softmax"), (1, "sigmoid"), (3, "sigmoid")]
)
def test_samples_are_probabilities_whatever_the_last_activation(units: int, activation: str | None) -> None:
    """The same logits give the same samples, with the activation in the model or without."""
    logits, activated = ending(head(units)), ending(head(units, activation))
    activated.set_weights(logits.get_weights())
    draws = predict_samples(logits, INPUTS, 4, seed=2, activation=tf.identity).astype(np.float64)
    if activation == "softmax" or (activation is None and units > 1):
        expected = np.exp(draws) / np.exp(draws).sum(-1, keepdims=True)
    else:
        expected = 1 / (1 + np.exp(-draws))
    np.testing.assert_allclose(predict_samples(activated, INPUTS, 4, seed=2), expected, atol=1e-6)


def test_low_precision_outputs_become_float32() -> None:
    outputs = tf.constant([[0.0, 3.0]], tf.bfloat16)
    found = to_probabilities(ending(layers.Dense(2)))(outputs)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, [[1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))]], rtol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_are_not_taken_for_logits(activation: str) -> None:
    with pytest.raises(ValueError, match=rf"model ends in {activation}; expected logits"):
        loss_and_logits(ending(head(3, activation)), tf.constant(INPUTS), tf.zeros([5], tf.int32))


@pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
def test_the_loss_of_the_rule_is_the_likelihood_of_the_samples(activation: str | None) -> None:
    """`compile` with the loss that the rule names, and the mean weights: minus the log of the label's probability."""
    units = 1 if activation == "sigmoid" else 3
    model, labels = ending(head(units, activation)), np.array([0, 1, 0, 1, 1])
    loss = {
        None: tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "softmax": tf_keras.losses.SparseCategoricalCrossentropy(),
        "sigmoid": tf_keras.losses.BinaryCrossentropy(),
    }[activation]
    model.compile(loss=loss)
    probabilities = np.float64(to_probabilities(model)(model(INPUTS)))
    if units == 1:
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    expected = -np.log(probabilities[np.arange(5), labels]).mean()
    np.testing.assert_allclose(model.evaluate(INPUTS, labels, verbose=0), expected, rtol=1e-4)
