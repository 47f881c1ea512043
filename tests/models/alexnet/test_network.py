from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.priors import Variational
from tfp_insects.errors import InputError
from tfp_insects.models.alexnet import table as alexnet
from tfp_insects.models.architecture import SCOPES, NetworkSpec, groups_of
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.layer_groups import bayesian_entries, entries_in

NARROW = NetworkSpec(ALEXNET, num_classes=4, image_size=63, width_multiplier=0.05)
NAMES = [f"features_{i}" for i in (0, 3, 6, 8, 10)] + [f"classifier_{i}" for i in (1, 4, 6)]
# torchvision's alexnet, kernels in Keras layout, one class more or less being the only freedom.
FULL_SHAPES = [
    *[(11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)],
    *[(9216, 4096), (4096, 4096), (4096, 1000)],
]


def narrow_bnn(scope: str = "all", architecture: NetworkSpec = NARROW) -> tf_keras.Sequential:
    variational = {"prior": {"kind": "pretrained"}, "posterior_ratio": 0.1}
    return build_bnn(
        architecture,
        Bayesian(scope, Variational.of(variational), Variational.of({"prior": {"kind": "normal"}})),
        40,
        seed=0,
    )


def pretrained_weights(model: tf_keras.Sequential, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = {}
    for name in NAMES:
        kernel, bias = model.get_layer(name).get_weights()
        scale = np.sqrt(2 / np.prod(kernel.shape[:-1]))
        weights[f"{name}/kernel"] = np.float32(rng.normal(0, scale, kernel.shape))
        weights[f"{name}/bias"] = np.float32(rng.normal(0, 0.1, bias.shape))
    return weights


def convolve(images: np.ndarray, kernel: np.ndarray, stride: int, padding: int) -> np.ndarray:
    size = kernel.shape[0]
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("bhwcij,ijco->bhwo", windows, kernel, optimize=True)


def max_pool(images: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2))[:, ::2, ::2].max((-2, -1))


def adaptive_pool(images: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        size = images.shape[axis]
        slices = [range(i * size // 6, -(-(i + 1) * size // 6)) for i in range(6)]
        images = np.stack([images.take(cells, axis).mean(axis) for cells in slices], axis)
    return images


def forward_in_float64(images: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """torchvision's alexnet in evaluation mode, written out."""
    outputs = np.float64(images)
    rows = {"features_0": (4, 2, True), "features_3": (1, 2, True), "features_6": (1, 1, False)}
    rows |= {"features_8": (1, 1, False), "features_10": (1, 1, True)}
    for name, (stride, padding, is_pooled) in rows.items():
        kernel = np.float64(weights[f"{name}/kernel"])
        outputs = np.maximum(convolve(outputs, kernel, stride, padding) + weights[f"{name}/bias"], 0.0)
        outputs = max_pool(outputs) if is_pooled else outputs
    outputs = adaptive_pool(outputs).reshape(len(images), -1)
    for name in ("classifier_1", "classifier_4", "classifier_6"):
        outputs = outputs @ np.float64(weights[f"{name}/kernel"]) + weights[f"{name}/bias"]
        outputs = outputs if name == "classifier_6" else np.maximum(outputs, 0.0)
    return outputs


@pytest.mark.parametrize("image_size", [63, 64, 95, 130, 227])
def test_narrow_logits_equal_the_network_written_out(image_size: int) -> None:
    model = build_cnn(NetworkSpec(ALEXNET, 4, image_size, width_multiplier=0.05), seed=0)
    weights = pretrained_weights(model)
    start_at(model, weights, ALEXNET)
    model.get_layer("classifier_6").set_weights([weights["classifier_6/kernel"], weights["classifier_6/bias"]])
    images = np.random.default_rng(1).normal(size=(2, image_size, image_size, 3)).astype(np.float32)
    expected = forward_in_float64(images, weights)
    np.testing.assert_allclose(model(images), expected, atol=1e-5 * np.abs(expected).max())


def test_table_is_torchvisions() -> None:
    widths = [row.filters for row in alexnet.CONVOLUTIONS] + [row.units or 1000 for row in alexnet.DENSE_LAYERS]
    inputs = [3, *widths[:4], 36 * widths[4], *widths[5:7]]
    sizes = [(row.kernel_size,) * 2 for row in alexnet.CONVOLUTIONS] + [()] * 3
    shapes = [(*size, i, o) for size, i, o in zip(sizes, inputs, widths, strict=True)]
    assert shapes == FULL_SHAPES
    assert sum(int(np.prod(shape)) + shape[-1] for shape in shapes) == 61_100_840
    assert [row.name for row in (*alexnet.CONVOLUTIONS, *alexnet.DENSE_LAYERS)] == NAMES


def test_width_multiplier_scales_every_layer_but_the_last() -> None:
    model = build_cnn(NetworkSpec(ALEXNET, 7, 63, width_multiplier=0.125), seed=0)
    widths = [model.get_layer(name).bias.shape[0] for name in NAMES]
    assert widths == [8, 24, 48, 32, 32, 512, 512, 7]
    assert NetworkSpec(ALEXNET, 7, 227, width_multiplier=1e-6).width(64) == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_twins_have_the_same_layers_but_for_dropout(scope: str) -> None:
    cnn, bnn = build_cnn(NARROW, seed=0), narrow_bnn(scope)
    without_dropout = [layer for layer in cnn.layers if not isinstance(layer, tf_keras.layers.Dropout)]
    assert len(cnn.layers) == len(without_dropout) + 2
    assert [layer.name for layer in bnn.layers] == [layer.name for layer in without_dropout]
    assert [layer.output_shape for layer in bnn.layers] == [layer.output_shape for layer in without_dropout]
    activations = [[getattr(layer, "activation", None) for layer in model] for model in (bnn.layers, without_dropout)]
    assert activations[0] == activations[1]


@pytest.mark.parametrize(("scope", "expected"), [("all", NAMES), ("classifier", NAMES[5:]), ("head", ["classifier_6"])])
def test_scopes(scope: str, expected: list[str]) -> None:
    model = build_cnn(NARROW, seed=0)
    assert [path for path, _ in entries_in(model, ALEXNET, scope)] == expected
    assert [path for path, _ in bayesian_entries(model, ALEXNET, scope)] == expected


def test_an_unknown_scope_is_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match="layers='tail' is unknown; expected one of all, classifier, head"):
        groups_of("tail")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_size": 62}, "image_size must be at least 63 pixels; got 62"),
        ({"width_multiplier": 0.0}, r"width_multiplier must be positive; got 0\.0"),
        ({"width_multiplier": float("nan")}, "width_multiplier must be positive; got nan"),
    ],
)
def test_bad_architectures_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        NetworkSpec(ALEXNET, 4, **{"image_size": 63, **fields})


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_and_layers_compute_in_the_policy(precision: str) -> None:
    architecture = NetworkSpec(ALEXNET, 4, 63, 0.05, precision)
    for model in (build_cnn(architecture, seed=0), narrow_bnn("head", architecture)):
        assert model(tf.zeros([2, 63, 63, 3])).dtype == tf.float32
        compute = precision.removeprefix("mixed_")
        assert {layer.compute_dtype for layer in model.layers if layer.name != "logits"} == {compute}
        assert {variable.dtype.name for variable in model.trainable_variables} == {"float32"}


@pytest.mark.parametrize("scope", ["cnn", "all", "head"])
def test_pretrained_weights_go_everywhere_but_into_the_head(scope: str) -> None:
    cnn = build_cnn(NARROW, seed=0)
    model = cnn if scope == "cnn" else narrow_bnn(scope)
    weights = pretrained_weights(cnn)
    head = model.get_layer("classifier_6").get_weights()
    start_at(model, weights, ALEXNET)
    for name in NAMES[:-1]:
        layer = model.get_layer(name)
        kernel = layer.loc if hasattr(layer, "loc") else layer.kernel
        np.testing.assert_array_equal(kernel, weights[f"{name}/kernel"])
        np.testing.assert_array_equal(layer.bias, weights[f"{name}/bias"])
    for before, after in zip(head, model.get_layer("classifier_6").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("scope", ["cnn", "all"])
def test_weights_of_another_width_are_refused_before_any_is_used(scope: str) -> None:
    model = build_cnn(NARROW, seed=0) if scope == "cnn" else narrow_bnn(scope)
    weights = pretrained_weights(build_cnn(NARROW, seed=0))
    weights["classifier_4/kernel"] = np.zeros((10, 10), np.float32)
    before = model.get_weights()
    message = r"layer classifier_4 have shape \(10, 10\); the model needs \(205, 205\).*width_multiplier.*none at all"
    with pytest.raises(InputError, match=message):
        start_at(model, weights, ALEXNET)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
