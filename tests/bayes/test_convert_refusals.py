"""What has no twin, and what the error says to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.any_models import sequential

from tfp_insects.bayes.convert import to_bayesian

layers = tf_keras.layers


class Subclassed(tf_keras.Model):
    """A call of its own."""

    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.dense = layers.Dense(3)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.dense(inputs)


class WithoutConfig(layers.Layer):
    """Cannot be made again from its configuration."""

    def __init__(self, function: Callable) -> None:
        super().__init__(name="without_config")
        self.function = function


def subclassed() -> tf_keras.Model:
    model = Subclassed()
    model(np.ones([1, 4]))
    return model


def without_config() -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input([4]), WithoutConfig(lambda inputs: inputs), layers.Dense(3)])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: 3, TypeError, "model: expected a tf_keras model, got int"),
        (lambda: "twin.keras", TypeError, r"got the path 'twin\.keras'.*load_model.*Keras 3's.*set_weights"),
        (lambda: Path("a/twin.keras"), TypeError, r"got the path 'a/twin\.keras'"),
        (subclassed, ValueError, r"'subclassed' \(Subclassed\) has a call of its own.*with DenseFlipout"),
        (lambda: tf_keras.Sequential([layers.Dense(3)]), ValueError, "has no weights yet: build it"),
        (
            without_config,
            ValueError,
            r"'without_config' \(WithoutConfig\) cannot be copied: give its class a get_config",
        ),
    ],
)
def test_what_is_no_model_of_layers_is_refused(make: Callable[[], Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        to_bayesian(make(), num_train_examples=10)


def test_fewer_than_one_training_example_is_refused() -> None:
    with pytest.raises(ValueError, match="num_train_examples: expected at least 1, got 0"):
        to_bayesian(sequential(), num_train_examples=0)


def test_a_model_of_keras_3_is_refused_and_the_advice_holds() -> None:
    keras = pytest.importorskip("keras", minversion="3")
    model = keras.Sequential(
        [
            keras.Input([6, 6, 2]),
            keras.layers.Conv2D(3, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    with pytest.raises(
        TypeError, match=r"is of Keras 3.*same layers with tf_keras.*set_weights\(keras_model\.get_weights"
    ):
        to_bayesian(model, num_train_examples=10)
    parts = [layers.Conv2D(3, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)]
    same = tf_keras.Sequential([tf_keras.Input([6, 6, 2]), *parts])
    same.set_weights(model.get_weights())
    images = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype(np.float32)
    twin = to_bayesian(same, num_train_examples=10)
    np.testing.assert_allclose(twin(images), model(images), atol=1e-5)
