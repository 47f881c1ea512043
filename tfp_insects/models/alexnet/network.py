"""AlexNet: one layer table for both twins.

The table is torchvision's `alexnet` (Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks"),
layer for layer, under torchvision's names (`features.0` is `features_0` here).
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.errors import InputError
from tfp_insects.models.pooling import AdaptiveAveragePooling2D

MIN_IMAGE_SIZE = 63
SCOPES = ("all", "classifier", "head")


@dataclasses.dataclass(frozen=True)
class Convolution:
    """One row of the table: a convolution with ReLU, and the max pooling (3, stride 2) that may follow it."""

    name: str
    filters: int
    kernel_size: int
    strides: int
    padding: int
    is_pooled: bool


@dataclasses.dataclass(frozen=True)
class Dense:
    """One row of the table: a dense layer; all but the last have ReLU, and dropout before them."""

    name: str
    units: int | None  # None: one for each class


CONVOLUTIONS = (
    Convolution("features_0", 64, kernel_size=11, strides=4, padding=2, is_pooled=True),
    Convolution("features_3", 192, kernel_size=5, strides=1, padding=2, is_pooled=True),
    Convolution("features_6", 384, kernel_size=3, strides=1, padding=1, is_pooled=False),
    Convolution("features_8", 256, kernel_size=3, strides=1, padding=1, is_pooled=False),
    Convolution("features_10", 256, kernel_size=3, strides=1, padding=1, is_pooled=True),
)
DENSE_LAYERS = (Dense("classifier_1", 4096), Dense("classifier_4", 4096), Dense("classifier_6", None))
HEAD = DENSE_LAYERS[-1].name
FEATURE_MAP_SIZE = 6


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What both twins share.

    Attributes:
        num_classes: Units of the last layer.
        image_size: Side of the square input in pixels.
        width_multiplier: Factor of all widths, for quick experiments; 1 is torchvision's AlexNet.
        precision: Keras policy (`float32`, `mixed_bfloat16`, `mixed_float16`). Logits are float32 always.
    """

    num_classes: int
    image_size: int = 227
    width_multiplier: float = 1.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.image_size < MIN_IMAGE_SIZE:
            raise InputError(f"image_size must be at least {MIN_IMAGE_SIZE} pixels; got {self.image_size}")
        if not self.width_multiplier > 0.0:
            raise InputError(f"width_multiplier must be positive; got {self.width_multiplier}")

    def width(self, units: int) -> int:
        """A layer's width after scaling, at least 1."""
        return max(1, round(units * self.width_multiplier))


def bayesian_layer_names(scope: str) -> tuple[str, ...]:
    """Names of the layers that are Bayesian in a scope: `all`, `classifier` (the dense ones) or `head` (the last)."""
    dense = tuple(row.name for row in DENSE_LAYERS)
    layers = {"all": tuple(row.name for row in CONVOLUTIONS) + dense, "classifier": dense, "head": (HEAD,)}
    if scope not in layers:
        raise InputError(f"bayesian_layers {scope!r} is unknown; expected one of {', '.join(SCOPES)}")
    return layers[scope]


MakeConvolution = Callable[..., tf_keras.layers.Layer]
MakeDense = Callable[..., tf_keras.layers.Layer]
MakeDropout = Callable[..., tf_keras.layers.Layer]


def build_sequential(
    architecture: Architecture,
    make_convolution: MakeConvolution,
    make_dense: MakeDense,
    make_dropout: MakeDropout | None = None,
) -> tf_keras.Sequential:
    """Stacks the table's layers; all models differ in the three factories alone.

    Args:
        architecture: Widths, input and precision.
        make_convolution: Called with `filters, kernel_size, strides, padding, activation, name, dtype`.
        make_dense: Called with `units, activation, name, dtype`.
        make_dropout: Called with `name, dtype` for what goes before the two wide dense layers; none leaves it out.

    Returns:
        A model from float32 `[batch, image_size, image_size, 3]` to float32 logits `[batch, num_classes]`.
    """
    policy = architecture.precision
    layers: list[tf_keras.layers.Layer] = []
    for row in CONVOLUTIONS:
        layers += _convolution_block(row, architecture, make_convolution)
    layers += [
        AdaptiveAveragePooling2D(FEATURE_MAP_SIZE, name="avgpool", dtype=policy),
        tf_keras.layers.Flatten(name="flatten", dtype=policy),
    ]
    for dense in DENSE_LAYERS:
        is_head = dense.units is None
        if make_dropout is not None and not is_head:
            layers.append(make_dropout(name=f"dropout_{dense.name}", dtype=policy))
        units = architecture.num_classes if dense.units is None else architecture.width(dense.units)
        layers.append(make_dense(units, activation=None if is_head else "relu", name=dense.name, dtype=policy))
    layers.append(tf_keras.layers.Activation("linear", name="logits", dtype="float32"))
    size = architecture.image_size
    model = tf_keras.Sequential(layers, name="alexnet")
    model.build([None, size, size, 3])
    return model


def _convolution_block(
    row: Convolution, architecture: Architecture, make_convolution: MakeConvolution
) -> list[tf_keras.layers.Layer]:
    # Keras' own 'same' pads differently from torch where the stride is not 1.
    explicit = row.strides != 1
    layers: list[tf_keras.layers.Layer] = []
    if explicit:
        layers.append(tf_keras.layers.ZeroPadding2D(row.padding, name=f"pad_{row.name}", dtype=architecture.precision))
    layers.append(
        make_convolution(
            architecture.width(row.filters),
            row.kernel_size,
            strides=row.strides,
            padding="valid" if explicit else "same",
            activation="relu",
            name=row.name,
            dtype=architecture.precision,
        )
    )
    if row.is_pooled:
        layers.append(tf_keras.layers.MaxPooling2D(3, 2, name=f"pool_{row.name}", dtype=architecture.precision))
    return layers


def load_pretrained(model: tf_keras.Sequential, weights: Mapping[str, np.ndarray]) -> None:
    """Starts a model at pretrained weights; the last layer keeps its own start, since its classes are others.

    Args:
        model: Either twin.
        weights: float32 arrays in Keras layout, `features_0/kernel`, `features_0/bias`, ...

    Raises:
        InputError: A layer's shape differs from its weights'; the message names the layer and both shapes.
    """
    names = [row.name for row in (*CONVOLUTIONS, *DENSE_LAYERS) if row.name != HEAD]
    for name in names:
        layer = model.get_layer(name)
        kernel = weights[f"{name}/kernel"]
        expected = tuple((layer.loc if hasattr(layer, "loc") else layer.kernel).shape)
        if kernel.shape != expected:
            raise InputError(
                f"pretrained weights of layer {name} have shape {kernel.shape}; the model needs {expected}: "
                f"give weights of the same width_multiplier, or --weights=none"
            )
    for name in names:
        _start_layer(model.get_layer(name), weights[f"{name}/kernel"], weights[f"{name}/bias"])


def _start_layer(layer: tf_keras.layers.Layer, kernel: np.ndarray, bias: np.ndarray) -> None:
    if hasattr(layer, "centre_on"):
        layer.centre_on(kernel, bias)
    else:
        layer.set_weights([kernel, bias])


def run_layers(layers: list[tf_keras.layers.Layer], inputs: tf.Tensor, kernels: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Runs a part of the stack in inference mode, with the given kernels in the layers that they name."""
    outputs = inputs
    for layer in layers:
        if layer.name in kernels:
            outputs = layer.apply_kernel(tf.cast(outputs, layer.compute_dtype), kernels[layer.name])
        else:
            outputs = layer(outputs, training=False)
    return outputs
