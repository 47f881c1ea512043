"""Predictions go through the model's own graph, or its own call: no chain of layers is assumed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import all_layers
from tfp_insects.bayes.draws import drawn_kernels
from tfp_insects.bayes.dropout import MonteCarloDropout
from tfp_insects.bayes.graph import CutModel
from tfp_insects.bayes.monte_carlo import predict_samples

VARIATIONAL = {"prior": {"kind": "scaled_normal"}, "num_train_examples": 10, "posterior_ratio": 0.5}
layers = tf_keras.layers


def dense(units: int, seed: int, **kwargs: Any) -> DenseFlipout:
    return DenseFlipout(units, variational=VARIATIONAL, seed=seed, **kwargs)


def convolution(filters: int, seed: int, **kwargs: Any) -> Convolution2DFlipout:
    return Convolution2DFlipout(filters, 3, padding="same", variational=VARIATIONAL, seed=seed, **kwargs)


def branches() -> tf_keras.Model:
    """A skip past the first random layer, two random branches, and what follows the last random layer."""
    inputs = tf_keras.Input([6, 6, 3])
    stem = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", activation="relu")(inputs))
    left, right = convolution(4, 1)(stem), layers.ReLU()(convolution(4, 2)(stem))
    joined = layers.Add()([stem, left, right])
    return tf_keras.Model(inputs, layers.Dense(3)(dense(5, 3, activation="relu")(layers.GlobalMaxPooling2D()(joined))))


def nested() -> tf_keras.Model:
    """A deterministic backbone, a random nested model, and masks of dropout within."""
    backbone = tf_keras.Sequential([tf_keras.Input([6, 6, 3]), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D()])
    trunk = tf_keras.Sequential([tf_keras.Input([4]), dense(8, 1, activation="relu"), MonteCarloDropout(0.5, seed=4)])
    inputs = tf_keras.Input([6, 6, 3])
    return tf_keras.Model(inputs, dense(3, 2)(trunk(backbone(inputs))))


def flat() -> tf_keras.Model:
    """Nothing before the first random layer is worth keeping."""
    return tf_keras.Sequential([tf_keras.Input([6, 6, 3]), layers.Flatten(), dense(5, 1), layers.Dense(3)])


class OwnCall(tf_keras.Model):
    """A call that no graph of layers describes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = dense(5, 1), dense(3, 2)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        hidden = tf.tanh(self.first(tf.reshape(inputs, [-1, 108]), training=training))
        return self.last(hidden * tf.reduce_mean(hidden, 1, keepdims=True), training=training)


makers = pytest.mark.parametrize("make", [branches, nested, flat, OwnCall])


def random_images(num_images: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(num_images, 6, 6, 3)).astype(np.float32)


def started(make: Callable[[], tf_keras.Model]) -> tf_keras.Model:
    """The model at random weights and statistics."""
    tf_keras.utils.set_random_seed(0)  # Layers without seeds of their own start alike in each run.
    model, rng = make(), np.random.default_rng(1)
    model(random_images(1))
    for weight in model.weights:
        if "moving_variance" in weight.name:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
        elif "moving_mean" in weight.name or "bias" in weight.name:
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return model


@makers
@pytest.mark.parametrize("num_last", [1, 2])
def test_a_draw_is_a_call_of_the_model_with_its_kernels(make: Callable[[], tf_keras.Model], num_last: int) -> None:
    model, images = started(make), random_images()
    found = predict_samples(model, images, 3, seed=5, num_last_layer_samples=num_last, batch_size=2)
    assert found.shape == (3 * num_last, 5, 3)
    assert found.dtype == np.float32
    random_layers = [layer for layer in all_layers(model) if hasattr(layer, "sample_pair")]
    for draw in range(3):
        for repeat in range(num_last):
            places = [*range(len(random_layers) - 1), len(random_layers) - 1 + repeat]
            kernels = {}
            for place, layer in zip(places, random_layers, strict=True):
                seed = tf.random.experimental.stateless_fold_in(tf.constant([5, draw // 2]), place)
                kernels[layer] = layer.sample_pair(seed)[draw % 2]
            with drawn_kernels(kernels):
                expected = tf.nn.softmax(model(images, training=False))
            np.testing.assert_allclose(found[draw * num_last + repeat], expected, atol=1e-5)
    assert found.std(0).max() > 0.01
    np.testing.assert_array_equal(
        predict_samples(model, images, 3, seed=5, num_last_layer_samples=num_last, batch_size=2), found
    )


@pytest.mark.parametrize(("make", "is_kept"), [(branches, True), (nested, True), (flat, False), (OwnCall, False)])
def test_what_no_draw_changes_is_computed_once_where_it_is_worth_it(
    make: Callable[[], tf_keras.Model], is_kept: bool
) -> None:
    model = started(make)
    cut = CutModel(model, [layer for layer in all_layers(model) if hasattr(layer, "sample_pair")])
    assert cut.has_fixed_part == is_kept


def test_stages_compute_each_layer_once() -> None:
    model = branches()
    cut = CutModel(model, [layer for layer in all_layers(model) if hasattr(layer, "sample_pair")])
    names = [{node.layer.name for node in stage._calls} for stage in cut._stages]
    assert sum(map(len, names)) == len(model.layers) - 1  # Its input is no call.
    kinds = (Convolution2DFlipout, DenseFlipout)
    convolution_names, dense_names = (
        {layer.name for layer in model.layers if isinstance(layer, kind)} for kind in kinds
    )
    assert convolution_names <= names[1]
    assert dense_names <= names[2]
    assert not (convolution_names | dense_names) & names[0]


def test_several_inputs_and_outputs_keep_their_structure() -> None:
    left, right = tf_keras.Input([4], name="left"), tf_keras.Input([2], name="right")
    joined = layers.Concatenate()([layers.Dense(3)(left), right])
    outputs = {"classes": dense(3, 1)(joined), "sign": layers.Dense(1)(dense(4, 2)(joined))}
    model = tf_keras.Model({"left": left, "right": right}, outputs)
    rng = np.random.default_rng(0)
    inputs = {"left": np.float32(rng.normal(size=(5, 4))), "right": np.float32(rng.normal(size=(5, 2)))}
    found = predict_samples(model, inputs, 4, seed=0, batch_size=2)
    assert {name: samples.shape for name, samples in found.items()} == {"classes": (4, 5, 3), "sign": (4, 5, 1)}
    np.testing.assert_allclose(found["classes"].sum(-1), 1.0, atol=1e-6)
    for samples in found.values():
        assert samples.std(0).min() > 1e-3
    means = model(inputs, training=False)
    logits = predict_samples(model, inputs, 2, seed=0, activation=lambda outputs: outputs)
    for name, mean in means.items():
        np.testing.assert_allclose(logits[name].mean(0), mean, atol=1e-5)  # Linear in each layer's noise.


def test_masks_between_layers_are_heeded() -> None:
    tokens = tf_keras.Input([4], dtype="int32")
    hidden = layers.Embedding(7, 5, mask_zero=True)(tokens)
    model = tf_keras.Model(tokens, dense(3, 1)(layers.GlobalAveragePooling1D()(hidden)))
    inputs = np.array([[1, 2, 0, 0], [3, 0, 0, 0]], np.int32)
    found = predict_samples(model, inputs, 2, activation=tf.identity)
    np.testing.assert_allclose(found.mean(0), model(inputs), atol=1e-5)
    table = model.layers[1].get_weights()[0]
    expected = np.stack([table[[1, 2]].mean(0), table[3]]) @ model.layers[-1].loc.numpy()
    np.testing.assert_allclose(found.mean(0), expected, atol=1e-5)


def test_a_model_without_random_layers_gives_one_sample() -> None:
    model = tf_keras.Sequential([tf_keras.Input([6, 6, 3]), layers.Flatten(), layers.Dense(3)])
    found = predict_samples(model, random_images(), 10)
    np.testing.assert_allclose(found, tf.nn.softmax(model(random_images()))[tf.newaxis], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "num_samples: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"images": random_images(0)}, "images: expected at least one, got none"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict_samples(**{"model": flat(), "images": random_images(), "num_samples": 2, **arguments})
