"""The twins of networks that others built: tf_keras.applications' MobileNetV2 and ResNet50."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.conversion import list_conversion
from tfp_insects.bayes.convert import NEAR_THE_MODEL, to_bayesian
from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence
from tfp_insects.bayes.monte_carlo import predict_samples

NUM_CLASSES, NUM_IMAGES, NUM_TRAIN_EXAMPLES = 5, 4, 20
COMMON = {"weights": None, "classifier_activation": None, "classes": NUM_CLASSES, "input_shape": (96, 96, 3)}


class Case(NamedTuple):
    """A network, which of its layers become Bayesian, the kind of file that its twin goes through, and where it is cut."""

    network: str
    layers: Any
    suffix: str = ".keras"
    last: str = ""

    def build(self) -> tf_keras.Model:
        if self.network == "MobileNetV2":
            network = tf_keras.applications.MobileNetV2(alpha=0.35, **COMMON)
        else:
            network = tf_keras.applications.ResNet50(**COMMON)
        if not self.last:
            return network
        pooled = tf_keras.layers.GlobalAveragePooling2D()(network.get_layer(self.last).output)
        return tf_keras.Model(network.input, tf_keras.layers.Dense(NUM_CLASSES, name="predictions")(pooled))


def is_at_an_end(layer: tf_keras.layers.Layer) -> bool:
    """A layer of the first blocks, or the last one."""
    return layer.name.startswith(("Conv1", "block_1_", "conv1", "conv2_block1", "predictions"))


FIRST_TIER = ("MobileNetV2, start",)
CASES = {
    # Each kernel of another shape costs a compilation.
    "MobileNetV2, start": Case("MobileNetV2", is_at_an_end, last="block_7_add"),
    "ResNet50, start": Case("ResNet50", is_at_an_end, ".h5", last="conv3_block2_out"),
    "MobileNetV2, some": Case("MobileNetV2", is_at_an_end),
    "ResNet50, some": Case("ResNet50", is_at_an_end, ".h5"),
    "MobileNetV2": Case("MobileNetV2", "all"),
    "ResNet50": Case("ResNet50", "all"),
}


class Pair(NamedTuple):
    """A model, and its twin with the noise times zero."""

    case: Case
    model: tf_keras.Model
    twin: tf_keras.Model


@pytest.fixture(
    scope="module",
    params=[name if name in FIRST_TIER else pytest.param(name, marks=pytest.mark.long) for name in CASES],
)
def pair(request: pytest.FixtureRequest) -> Pair:
    case = CASES[request.param]
    model, rng = case.build(), np.random.default_rng(0)
    for weight in model.weights:
        if "moving_mean" in weight.name or "beta" in weight.name:
            weight.assign(rng.normal(0, 0.1, weight.shape))
        elif "moving_variance" in weight.name or "gamma" in weight.name:
            weight.assign(rng.uniform(0.8, 1.2, weight.shape))
    quiet = dataclasses.replace(NEAR_THE_MODEL, noise_multiplier=0.0)
    options = {"num_train_examples": NUM_TRAIN_EXAMPLES, "layers": case.layers, "variational": quiet}
    return Pair(case, model, to_bayesian(model, **options))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(NUM_IMAGES, 96, 96, 3)).astype(np.float32)


def test_all_convolutions_and_dense_layers_are_bayesian(pair: Pair) -> None:
    kinds = (tf_keras.layers.Conv2D, tf_keras.layers.Dense)
    able = [layer for layer in pair.model.layers if type(layer) in kinds]
    assert len(able) > (15 if pair.case.last else 30)
    expected = able if pair.case.layers == "all" else [layer for layer in able if pair.case.layers(layer)]
    assert [layer.name for layer in bayesian_layers(pair.twin)] == [layer.name for layer in expected]
    assert len(expected) >= 4
    stayed = {one.kind for one in list_conversion(pair.model) if not one.is_bayesian}
    assert stayed in ({"BatchNormalization", "DepthwiseConv2D"}, {"BatchNormalization"})


def test_the_divergence_is_the_sum_of_tfps(pair: Pair) -> None:
    expected = 0.0
    for layer in bayesian_layers(pair.twin):
        loc = layer.loc.numpy()
        scale = 10 * np.maximum(np.abs(loc), 0.1 * np.sqrt(np.mean(np.square(loc))))
        normals = [tfp.distributions.Normal(loc, ratio * scale) for ratio in (0.01, 1.0)]
        expected += np.sum(np.float64(tfp.distributions.kl_divergence(*normals)))
    np.testing.assert_allclose(kl_divergence(pair.twin), expected, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_noise_times_zero_is_the_model(pair: Pair, images: np.ndarray, training: bool) -> None:
    # Both as graphs: batch normalisation of a few images blows up how eager rounding differs from theirs.
    found, expected = (
        tf.function(one, autograph=False)(images, training=training).numpy() for one in (pair.twin, pair.model)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_fit_runs_an_epoch(pair: Pair, images: np.ndarray) -> None:
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(loss(np.arange(NUM_IMAGES), pair.twin(images, training=True)))
    divergence = float(kl_divergence(pair.twin)) / NUM_TRAIN_EXAMPLES
    before = [layer.loc.numpy() for layer in bayesian_layers(pair.twin)]
    pair.twin.compile(tf_keras.optimizers.legacy.SGD(1e-3), loss)
    history = pair.twin.fit(images, np.arange(NUM_IMAGES), batch_size=NUM_IMAGES, verbose=0).history
    np.testing.assert_allclose(history["loss"], [expected + divergence], rtol=1e-5)
    for old, layer in zip(before, bayesian_layers(pair.twin), strict=True):
        assert np.abs(layer.loc - old).max() > 0.0


def test_samples_differ_and_survive_a_file(pair: Pair, images: np.ndarray, tmp_path: Path) -> None:
    for layer in bayesian_layers(pair.twin):
        layer.variational = dataclasses.replace(layer.variational, noise_multiplier=1.0)
    samples = predict_samples(pair.twin, images, 4, seed=3)
    assert samples.shape == (4, NUM_IMAGES, NUM_CLASSES)
    assert min(np.abs(a - b).max() for i, a in enumerate(samples) for b in samples[:i]) > 1e-5
    path = str(tmp_path / f"twin{pair.case.suffix}")
    pair.twin.save(path)
    loaded = tf_keras.models.load_model(path, compile=False)
    np.testing.assert_array_equal(predict_samples(loaded, images, 4, seed=3), samples)
