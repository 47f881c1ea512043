"""A network in a user's file: what is read of it, and that it starts where the user left it."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.own_network import NUM_OWN_CLASSES, SIDE, own_network

from tfp_insects.bayes.dropout import SeededDropout
from tfp_insects.data.images import normalise
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architecture_table import find_architecture
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import bayesian_entries, entries_in
from tfp_insects.models.templates.files import fingerprint, load_model
from tfp_insects.models.templates.inspection import inspect_model

layers = tf_keras.layers
GREY_LEVELS = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["mine.keras", "mine.h5", "mine"])
def test_each_kind_of_file_gives_the_same_network(tmp_path: Path, name: str) -> None:
    model, path = own_network(), tmp_path / name
    model.save(path)
    architecture = find_architecture(str(path))
    assert (architecture.image_size, architecture.label) == (SIDE, name)
    assert (architecture.hidden, architecture.head) == (("hidden",), "predictions")
    assert architecture.normalises_itself
    network = build_cnn(NetworkSpec(architecture, 4, SIDE), seed=0)
    start_at(network, architecture.published_weights(tmp_path), architecture)
    inputs = normalise(tf.constant(GREY_LEVELS), SIDE, *architecture.input_statistics)
    found, expected = (
        tf_keras.Model(one.inputs, one.get_layer("drop").output)(images, training=False)
        for one, images in ((network, inputs), (model, GREY_LEVELS.astype(np.float32)))
    )
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(network(inputs), np.zeros((3, 4)))  # The head is new.


def test_layers_are_in_groups_and_what_cannot_be_bayesian_is_not(own_network_file: Path) -> None:
    architecture = find_architecture(str(own_network_file))
    network = build_cnn(NetworkSpec(architecture, 4, SIDE), seed=0)
    scopes = {
        scope: [path for path, _ in entries_in(network, architecture, scope)] for scope in ("all", "classifier", "head")
    }
    assert scopes["head"] == ["predictions"]
    assert scopes["classifier"] == ["hidden", "predictions"]
    assert scopes["all"][:-2] == ["stem", "stem_norm", "depthwise", "pointwise", "norm"]
    bayesian = [path for path, _ in bayesian_entries(network, architecture, "all")]
    assert bayesian == ["stem", "pointwise", "hidden", "predictions"]


def test_dropout_is_the_studys_and_regularisers_and_augmentation_are_gone(own_network_file: Path) -> None:
    architecture = find_architecture(str(own_network_file))
    network = build_cnn(NetworkSpec(architecture, 4, SIDE), seed=0, dropout=0.3)
    drops = [layer for layer in network.layers if isinstance(layer, layers.Dropout)]
    assert [(type(layer), layer.name, layer.rate) for layer in drops] == [(SeededDropout, "drop", 0.3)]
    assert not network.losses
    assert not any(isinstance(layer, layers.RandomFlip) for layer in network.layers)
    without = build_cnn(NetworkSpec(architecture, 4, SIDE), seed=0, dropout=0.0)
    assert not any(isinstance(layer, layers.Dropout) for layer in without.layers)


def test_the_start_at_random_is_the_seeds(own_network_file: Path) -> None:
    spec = NetworkSpec(find_architecture(str(own_network_file)), 4, SIDE)
    first, again, other = (build_cnn(spec, seed).get_layer("pointwise").kernel.numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_it_computes_in_the_precision_asked_for(own_network_file: Path, precision: str) -> None:
    spec = NetworkSpec(find_architecture(str(own_network_file)), 4, SIDE, precision=precision)
    network = build_cnn(spec, seed=0)
    assert network.get_layer("pointwise").compute_dtype == precision.removeprefix("mixed_")
    assert network(GREY_LEVELS.astype(np.float32)).dtype == tf.float32


def test_a_nested_base_of_any_size_takes_the_size_asked_for(tmp_path: Path) -> None:
    inner = tf_keras.Input([None, None, 3])
    base = tf_keras.Model(inner, layers.Conv2D(4, 3, name="convolution")(inner), name="base")
    parts = [
        tf_keras.Input([None, None, 3]),
        base,
        layers.GlobalMaxPooling2D(),
        layers.Dense(NUM_OWN_CLASSES, name="top"),
    ]
    tf_keras.Sequential(parts).save(tmp_path / "any.keras")
    architecture = find_architecture(str(tmp_path / "any.keras"))
    assert (architecture.image_size, architecture.head, architecture.hidden) == (224, "top", ())
    assert not architecture.normalises_itself
    network = build_cnn(NetworkSpec(architecture, 3, 40), seed=0)
    assert network.input_shape == (None, 40, 40, 3)
    assert [path for path, _ in bayesian_entries(network, architecture, "all")] == ["base/convolution", "top"]
    start_at(network, architecture.published_weights(tmp_path), architecture)
    kernels = [
        one.get_layer("base").get_layer("convolution").kernel for one in (network, load_model(tmp_path / "any.keras"))
    ]
    np.testing.assert_array_equal(*kernels)


@pytest.mark.parametrize("end", ["softmax", "sigmoid", None])
@pytest.mark.parametrize("is_a_layer", [True, False])
def test_the_ends_of_classifiers_are_known(end: str | None, is_a_layer: bool) -> None:
    inputs = tf_keras.Input([8, 8, 3])
    dense = layers.Dense(2, None if is_a_layer else end, name="top")(layers.Flatten()(inputs))
    outputs = layers.Activation(end)(dense) if is_a_layer and end else dense
    assert inspect_model(tf_keras.Model(inputs, outputs)).head == "top"


def test_the_fingerprint_is_of_the_content(own_network_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other name.keras"
    copy.write_bytes(own_network_file.read_bytes())
    assert fingerprint(copy) == fingerprint(own_network_file)
    copy.write_bytes(copy.read_bytes() + b" ")
    assert fingerprint(copy) != fingerprint(own_network_file)
