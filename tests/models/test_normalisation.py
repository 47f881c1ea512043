"""Statistics of batch normalisation in networks that start at random."""

import numpy as np
import pytest
import tf_keras

from tfp_insects.models.normalisation import settle_normalisations

layers = tf_keras.layers


@pytest.fixture
def model() -> tf_keras.Model:
    tf_keras.utils.set_random_seed(0)  # How near to 1 a variance comes depends on the kernels.
    inputs = tf_keras.Input([8, 8, 3])
    first = layers.BatchNormalization(name="first", trainable=False)(layers.Conv2D(4, 3, name="a")(inputs))
    second = layers.BatchNormalization(name="second", trainable=False)(
        layers.Conv2D(4, 3, activation="relu", name="b")(first)
    )
    return tf_keras.Model(inputs, second)


def batches(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).normal(3.0, 5.0, (count, 16, 8, 8, 3)).astype(np.float32))


def test_with_one_batch_the_network_does_of_itself_what_it_did_with_the_batch(model: tf_keras.Model) -> None:
    [images] = batches(1)
    assert np.abs(model(images).numpy().mean(axis=(0, 1, 2))).max() > 0.1
    settle_normalisations(model, [images])
    for name in ("first", "second"):
        found = tf_keras.Model(model.input, model.get_layer(name).output)(images, training=True).numpy()
        # Statistics have Bessel's correction, and what is normalised by a batch has not: one in 16 x 6 x 6 and fewer.
        np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0.0, atol=1 / 256)
        np.testing.assert_allclose(found.var(axis=(0, 1, 2)), 1.0, rtol=0.01)
    assert not model.trainable_weights[4:]  # They are frozen as before.


def test_of_several_batches_the_statistics_are_the_mean(model: tf_keras.Model) -> None:
    several = batches(3)
    convolved = [tf_keras.Model(model.input, model.get_layer("a").output)(one).numpy() for one in several]
    settle_normalisations(model, several)
    means, variances = zip(
        *((one.mean(axis=(0, 1, 2)), one.var(axis=(0, 1, 2), ddof=1)) for one in convolved), strict=True
    )
    layer = model.get_layer("first")
    np.testing.assert_allclose(layer.moving_mean, np.mean(means, axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, np.mean(variances, axis=0), rtol=1e-3)
    assert layer.momentum == 0.99
