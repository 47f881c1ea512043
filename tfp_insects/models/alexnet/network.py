"""AlexNet as a tf_keras model, from the table of its layers."""

from collections.abc import Callable
from typing import Any

import tf_keras

from tfp_insects.models.alexnet.table import CONVOLUTIONS, DENSE_LAYERS, FEATURE_MAP_SIZE, HEAD, Convolution
from tfp_insects.models.architecture import MakeDropout, NetworkSpec
from tfp_insects.models.initial_weights import initializer
from tfp_insects.models.pooling import AdaptiveAveragePooling2D

MakeConvolution = Callable[..., tf_keras.layers.Layer]
MakeDense = Callable[..., tf_keras.layers.Layer]


def build_alexnet(spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None = None) -> tf_keras.Sequential:
    """AlexNet with point-estimate weights; see `Architecture.build`."""

    def make(layer: type[tf_keras.layers.Layer], *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
        start = tf_keras.initializers.Zeros() if name == HEAD else initializer(name, seed)
        return layer(*sizes, name=name, kernel_initializer=start, **kwargs)

    return build_sequential(
        spec,
        lambda *sizes, **kwargs: make(tf_keras.layers.Conv2D, *sizes, **kwargs),
        lambda *sizes, **kwargs: make(tf_keras.layers.Dense, *sizes, **kwargs),
        make_dropout,
    )


def build_sequential(
    spec: NetworkSpec,
    make_convolution: MakeConvolution,
    make_dense: MakeDense,
    make_dropout: MakeDropout | None = None,
) -> tf_keras.Sequential:
    """Stacks the table's layers; all models differ in the three factories alone.

    Args:
        spec: Widths, input and precision.
        make_convolution: Called with `filters, kernel_size, strides, padding, activation, name, dtype`.
        make_dense: Called with `units, activation, name, dtype`.
        make_dropout: Called with `name, dtype` for what goes before the two wide dense layers; none leaves it out.

    Returns:
        A model from float32 `[batch, image_size, image_size, 3]` to float32 logits `[batch, num_classes]`.
    """
    policy = spec.precision
    layers: list[tf_keras.layers.Layer] = []
    for row in CONVOLUTIONS:
        layers += _convolution_block(row, spec, make_convolution)
    layers += [
        AdaptiveAveragePooling2D(FEATURE_MAP_SIZE, name="avgpool", dtype=policy),
        tf_keras.layers.Flatten(name="flatten", dtype=policy),
    ]
    for dense in DENSE_LAYERS:
        is_head = dense.units is None
        if make_dropout is not None and not is_head:
            layers.append(make_dropout(name=f"dropout_{dense.name}", dtype=policy))
        units = spec.num_classes if dense.units is None else spec.width(dense.units)
        layers.append(make_dense(units, activation=None if is_head else "relu", name=dense.name, dtype=policy))
    layers.append(tf_keras.layers.Activation("linear", name="logits", dtype="float32"))
    size = spec.image_size
    model = tf_keras.Sequential(layers, name="alexnet")
    model.build([None, size, size, 3])
    return model


def _convolution_block(
    row: Convolution, spec: NetworkSpec, make_convolution: MakeConvolution
) -> list[tf_keras.layers.Layer]:
    # Keras' own 'same' pads differently from torch where the stride is not 1.
    explicit = row.strides != 1
    layers: list[tf_keras.layers.Layer] = []
    if explicit:
        layers.append(tf_keras.layers.ZeroPadding2D(row.padding, name=f"pad_{row.name}", dtype=spec.precision))
    layers.append(
        make_convolution(
            spec.width(row.filters),
            row.kernel_size,
            strides=row.strides,
            padding="valid" if explicit else "same",
            activation="relu",
            name=row.name,
            dtype=spec.precision,
        )
    )
    if row.is_pooled:
        layers.append(tf_keras.layers.MaxPooling2D(3, 2, name=f"pool_{row.name}", dtype=spec.precision))
    return layers
