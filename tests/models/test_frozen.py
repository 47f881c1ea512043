"""What no training step changes is computed once, whatever the shape of the model."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.models.frozen import frozen_features, num_frozen_layers, without_frozen_layers

layers = tf_keras.layers
IMAGES = tf.constant(np.random.default_rng(0).normal(size=(5, 6, 6, 3)), tf.float32)


def frozen(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    layer.trainable = False
    return layer


def chain() -> tf_keras.Model:
    parts = [frozen(layers.Conv2D(4, 3)), layers.ReLU(), frozen(layers.BatchNormalization()), layers.Flatten()]
    return tf_keras.Sequential([tf_keras.Input([6, 6, 3]), *parts, layers.Dense(3)])


def skip() -> tf_keras.Model:
    """A skip within the frozen part."""
    inputs = tf_keras.Input([6, 6, 3])
    stem = frozen(layers.Conv2D(4, 3))(inputs)
    joined = stem + frozen(layers.Conv2D(4, 3, padding="same"))(stem)
    return tf_keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling2D()(layers.Conv2D(4, 1)(joined))))


def nested() -> tf_keras.Model:
    base = tf_keras.Sequential([tf_keras.Input([6, 6, 3]), layers.Conv2D(4, 3), layers.Flatten()], name="base")
    return tf_keras.Sequential([tf_keras.Input([6, 6, 3]), frozen(base), layers.Dropout(0.5), layers.Dense(3)])


@pytest.mark.parametrize(("make", "num_frozen"), [(chain, 4), (skip, 3), (nested, 1)])
def test_the_rest_says_of_features_what_the_model_says_of_images(
    make: Callable[[], tf_keras.Model], num_frozen: int
) -> None:
    model = make()
    assert num_frozen_layers(model) == num_frozen
    (features,) = frozen_features(model, [(IMAGES, tf.zeros([5]))])
    rest = without_frozen_layers(model)
    assert rest.input_shape[1:] == features.shape[1:]
    np.testing.assert_allclose(rest(features), model(IMAGES), rtol=1e-5, atol=1e-6)
    assert [id(weight) for weight in rest.trainable_weights] == [id(weight) for weight in model.trainable_weights]


def crossing() -> tf_keras.Model:
    """Two tensors lead from the frozen part to the rest."""
    inputs = tf_keras.Input([6, 6, 3])
    stem = frozen(layers.Conv2D(4, 3))(inputs)
    return tf_keras.Model(inputs, layers.Conv2D(4, 3, padding="same")(stem) + frozen(layers.Conv2D(4, 1))(stem))


def trained_first() -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input([6, 6, 3]), layers.Conv2D(4, 3), frozen(layers.Conv2D(4, 3))])


def without_weights() -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input([6, 6, 3]), layers.Flatten(), layers.Dense(3)])


def random_but_frozen() -> tf_keras.Model:
    parts = [layers.Flatten(), frozen(DenseFlipout(4, seed=1)), layers.Dense(3)]
    return tf_keras.Sequential([tf_keras.Input([6, 6, 3]), *parts])


@pytest.mark.parametrize("make", [crossing, trained_first, without_weights, random_but_frozen])
def test_there_is_nothing_to_keep(make: Callable[[], tf_keras.Model]) -> None:
    assert num_frozen_layers(make()) == 0
