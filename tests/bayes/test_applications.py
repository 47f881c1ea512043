"""The twins of networks that others built: tf_keras.applications' MobileNetV2 and ResNet50."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.conversion import list_conversion
from tfp_insects.bayes.convert import NEAR_THE_MODEL, to_bayesian
from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence
from tfp_insects.bayes.monte_carlo import predict_samples

NUM_CLASSES, NUM_IMAGES = 5, 4
COMMON = {"weights": None, "classifier_activation": None, "classes": NUM_CLASSES, "input_shape": (96, 96, 3)}
LABELS = np.array([0, 1, 2, 4])


class Twins(NamedTuple):
    """A model, and its twin with and without noise."""

    model: tf_keras.Model
    twin: tf_keras.Model
    without_noise: tf_keras.Model


def build(name: str) -> tf_keras.Model:
    if name == "MobileNetV2":
        return tf_keras.applications.MobileNetV2(alpha=0.35, **COMMON)
    return tf_keras.applications.ResNet50(**COMMON)


@pytest.fixture(scope="module", params=["MobileNetV2", "ResNet50"])
def twins(request: pytest.FixtureRequest) -> Twins:
    model, rng = build(request.param), np.random.default_rng(0)
    for weight in model.weights:
        if "moving_mean" in weight.name or "beta" in weight.name:
            weight.assign(rng.normal(0, 0.1, weight.shape))
        elif "moving_variance" in weight.name or "gamma" in weight.name:
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    quiet = dataclasses.replace(NEAR_THE_MODEL, noise_multiplier=0.0)
    return Twins(
        model, *(to_bayesian(model, num_train_examples=20, variational=one) for one in (NEAR_THE_MODEL, quiet))
    )


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(NUM_IMAGES, 96, 96, 3)).astype(np.float32)


def test_all_convolutions_and_dense_layers_are_bayesian(twins: Twins) -> None:
    kinds = (tf_keras.layers.Conv2D, tf_keras.layers.Dense)
    expected = [layer.name for layer in twins.model.layers if type(layer) in kinds]
    assert [layer.name for layer in bayesian_layers(twins.twin)] == expected
    assert len(expected) > 30
    stayed = {one.kind for one in list_conversion(twins.model) if not one.is_bayesian}
    assert stayed in ({"BatchNormalization", "DepthwiseConv2D"}, {"BatchNormalization"})


def test_noise_times_zero_is_the_model(twins: Twins, images: np.ndarray) -> None:
    for training in (False, True):
        found, expected = (
            tf.function(one, autograph=False)(images, training=training).numpy()
            for one in (twins.without_noise, twins.model)
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_divergence_is_the_sum_of_tfps(twins: Twins) -> None:
    expected = 0.0
    for layer in bayesian_layers(twins.twin):
        loc = layer.loc.numpy()
        scale = 10 * np.maximum(np.abs(loc), 0.1 * np.sqrt(np.mean(np.square(loc))))
        normals = [tfp.distributions.Normal(loc, ratio * scale) for ratio in (0.01, 1.0)]
        expected += np.sum(np.float64(tfp.distributions.kl_divergence(*normals)))
    np.testing.assert_allclose(kl_divergence(twins.twin), expected, rtol=1e-5)


def test_it_trains_its_samples_differ_and_it_survives_a_file(twins: Twins, images: np.ndarray, tmp_path: Path) -> None:
    twin = twins.twin
    twin.compile(tf_keras.optimizers.legacy.SGD(1e-4), tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    divergence = float(kl_divergence(twin)) / 20
    (loss,) = twin.fit(images, LABELS, batch_size=NUM_IMAGES, verbose=0).history["loss"]
    assert divergence < loss < divergence + 20.0
    samples = predict_samples(twin, images, 4, seed=3)
    assert samples.shape == (4, NUM_IMAGES, NUM_CLASSES)
    assert min(np.abs(a - b).max() for i, a in enumerate(samples) for b in samples[:i]) > 1e-4
    twin.save(tmp_path / "twin.keras")
    loaded = tf_keras.models.load_model(tmp_path / "twin.keras")
    np.testing.assert_array_equal(predict_samples(loaded, images, 4, seed=3), samples)
