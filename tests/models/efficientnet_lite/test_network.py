"""EfficientNet-Lite0 as a network of this project: its parts, its widths and its twin."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.dropout import SeededDropout
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import SCOPES, NetworkSpec
from tfp_insects.models.architecture_table import find_architecture
from tfp_insects.models.architectures.efficientnet_lite0 import ARCHITECTURE as LITE
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import bayesian_entries, normalisations

NARROW = NetworkSpec(LITE, num_classes=7, image_size=32, width_multiplier=0.125)
# Block 0 does not widen.
POINTWISE = [
    *[f"blocks_{i}_{part}_conv" for i in range(16) for part in ("expand", "project") if (i, part) != (0, "expand")],
    "conv_head",
]
IMAGES = tf.constant(np.random.default_rng(1).normal(size=(3, 32, 32, 3)), tf.float32)
BAYESIAN_LAYERS = {"all": [*POINTWISE, "fc"], "classifier": ["conv_head", "fc"], "head": ["fc"]}


@pytest.fixture(scope="module")
def narrow() -> tf_keras.Model:
    return build_cnn(NARROW, seed=0)


def make_twin(weights: dict[str, np.ndarray], noise_multiplier: float) -> tf_keras.Model:
    """The twin, with a head of another start than zero."""
    pretrained = Variational(Prior("pretrained"), posterior_ratio=0.1, noise_multiplier=noise_multiplier)
    head = dataclasses.replace(pretrained, prior=Prior("normal"))
    twin = build_bnn(NARROW, Bayesian("all", pretrained, head), 40, seed=0)
    start_at(twin, weights, LITE)
    twin.get_layer("fc").centre_on(weights["fc/kernel"], weights["fc/bias"])
    for layer in normalisations(twin):  # As `build_model` has it.
        layer.trainable = False
    return twin


def test_it_is_found_by_its_name() -> None:
    assert find_architecture("efficientnet_lite0") is LITE


def test_it_is_efficientnet_b0_without_squeeze_and_excitation(narrow: tf_keras.Model) -> None:
    strides = [layer.strides[0] for layer in narrow.layers if isinstance(layer, tf_keras.layers.DepthwiseConv2D)]
    assert strides == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    shortcuts = [layer.name for layer in narrow.layers if isinstance(layer, tf_keras.layers.Add)]
    assert shortcuts == [f"blocks_{i}_add" for i in (2, 4, 6, 7, 9, 10, 12, 13, 14)]
    assert {float(layer.max_value) for layer in narrow.layers if isinstance(layer, tf_keras.layers.ReLU)} == {6.0}
    assert narrow.get_layer("conv_head").output_shape == (None, 1, 1, 160)


def test_each_layer_with_weights_is_in_one_group(narrow: tf_keras.Model) -> None:
    with_weights = [layer.name for layer in narrow.layers if layer.weights and not isinstance(layer, SeededDropout)]
    groups = [LITE.group_of(name) for name in with_weights]
    assert {group: groups.count(group) for group in SCOPES["all"]} == {
        "features": 2 + 4 + 15 * 6,
        "hidden": 2,
        "head": 1,
    }


def test_width_multiplier_scales_every_layer_but_the_last() -> None:
    model = build_cnn(NetworkSpec(LITE, 5, 32, width_multiplier=0.25), seed=0, dropout=0.0)
    names = ["conv_stem", "blocks_0_project_conv", "blocks_3_expand_conv", "blocks_15_project_conv", "conv_head", "fc"]
    assert [model.get_layer(name).output_shape[-1] for name in names] == [8, 4, 36, 80, 320, 5]


def test_small_images_are_refused() -> None:
    with pytest.raises(InputError, match=r"image_size must be at least 32 pixels; got 31"):
        NetworkSpec(LITE, 4, image_size=31)


def test_there_is_dropout_before_the_last_layer_where_it_is_asked_for(narrow: tf_keras.Model) -> None:
    found = [i for i, layer in enumerate(narrow.layers) if isinstance(layer, SeededDropout)]
    assert [narrow.layers[i + 1].name for i in found] == ["fc"]


def test_the_seed_determines_the_start_and_dropout_can_be_left_out(narrow: tf_keras.Model) -> None:
    same, other = build_cnn(NARROW, seed=0, dropout=0.0), build_cnn(NARROW, seed=1)
    kernels = [model.get_layer("blocks_3_depthwise_conv").depthwise_kernel.numpy() for model in (narrow, same, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).all()
    assert not narrow.get_layer("fc").kernel.numpy().any()
    assert [layer.name for layer in same.layers] == [
        layer.name for layer in narrow.layers if layer.name != "dropout_fc"
    ]
    # He: two over the number of weights that an output sees, 5 x 5.
    assert np.concatenate([one.ravel() for one in kernels]).std() == pytest.approx(np.sqrt(2 / 25), rel=0.1)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_and_layers_compute_in_the_policy(precision: str) -> None:
    model = build_cnn(NetworkSpec(LITE, 7, 32, 0.125, precision), seed=0)
    assert model(tf.zeros([2, 32, 32, 3])).dtype == tf.float32
    inner = [layer for layer in model.layers if layer.name != "logits" and layer.weights]
    assert {layer.compute_dtype for layer in inner} == {precision.removeprefix("mixed_")}
    assert {variable.dtype.name for variable in model.trainable_variables} == {"float32"}


@pytest.mark.parametrize("scope", SCOPES)
def test_bayesian_are_pointwise_convolutions_and_the_last_layer(scope: str, narrow: tf_keras.Model) -> None:
    assert [entry.path for entry in bayesian_entries(narrow, LITE, scope)] == BAYESIAN_LAYERS[scope]


def test_without_noise_the_twin_is_the_cnn(
    narrow_weights: dict[str, np.ndarray], narrow_cnn: Callable[[int], Any]
) -> None:
    twin = make_twin(narrow_weights, noise_multiplier=0.0)
    assert [layer.name for layer in bayesian_layers(twin)] == BAYESIAN_LAYERS["all"]
    expected = narrow_cnn(32)(IMAGES, training=False).numpy()
    assert np.abs(expected).max() > 0.5
    for training in (True, False):
        np.testing.assert_allclose(twin(IMAGES, training=training), expected, rtol=0, atol=1e-5)
    probabilities = MonteCarloPredictor(twin).predict([(IMAGES, tf.zeros([3], tf.int32))], num_samples=2, seed=0)
    np.testing.assert_allclose(probabilities, np.stack([tf.nn.softmax(expected)] * 2), rtol=0, atol=1e-5)


def test_with_noise_the_twin_is_another_and_its_statistics_stay(
    narrow_weights: dict[str, np.ndarray], narrow_cnn: Callable[[int], Any]
) -> None:
    twin = make_twin(narrow_weights, noise_multiplier=1.0)
    assert np.abs(twin(IMAGES, training=True) - narrow_cnn(32)(IMAGES, training=False)).max() > 0.1
    for name in ("bn0", "blocks_7_bn1", "bn1"):
        np.testing.assert_array_equal(twin.get_layer(name).moving_mean, narrow_weights[f"{name}/moving_mean"])
    np.testing.assert_allclose(twin(IMAGES, training=False), narrow_cnn(32)(IMAGES), rtol=0, atol=1e-5)
