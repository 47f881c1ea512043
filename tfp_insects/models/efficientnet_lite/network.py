"""EfficientNet-Lite0 as a tf_keras model, from the table of its layers."""

from typing import Any

import tf_keras

from tfp_insects.bayes.noise import layer_seed
from tfp_insects.models.architecture import MakeDropout, NetworkSpec
from tfp_insects.models.efficientnet_lite import table
from tfp_insects.models.efficientnet_lite.table import Block
from tfp_insects.models.initial_weights import initializer

layers = tf_keras.layers


def build_efficientnet_lite(spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None = None) -> tf_keras.Model:
    """EfficientNet-Lite0 with point-estimate weights; see `Architecture.build`.

    Dropout is before the last layer. There is no stochastic depth, with which the published network was trained.
    """
    return _Builder(spec, seed).build(make_dropout)


class _Builder:
    """Calls the table's layers one after the other. All paddings are TensorFlow's `same`, as in the published network."""

    def __init__(self, spec: NetworkSpec, seed: int) -> None:
        self._spec = spec
        self._seed = seed

    def build(self, make_dropout: MakeDropout | None) -> tf_keras.Model:
        spec = self._spec
        inputs = tf_keras.Input([spec.image_size, spec.image_size, 3], name="images")
        width = spec.width(table.STEM_FILTERS)
        x = self._convolution(inputs, width, table.STEM, kernel_size=table.STEM_KERNEL_SIZE, strides=2)
        x = self._relu6(self._norm(x, table.STEM_NORM), table.STEM)
        for block in table.BLOCKS:
            x = self._block(x, block)
        x = self._convolution(x, spec.width(table.TOP_FILTERS), table.TOP)
        x = self._relu6(self._norm(x, table.TOP_NORM), table.TOP)
        x = layers.GlobalAveragePooling2D(name="avgpool", dtype=spec.precision)(x)
        if make_dropout is not None:
            x = make_dropout(name=f"dropout_{table.HEAD}", dtype=spec.precision)(x)
        x = layers.Dense(spec.num_classes, kernel_initializer="zeros", name=table.HEAD, dtype=spec.precision)(x)
        logits = layers.Activation("linear", name="logits", dtype="float32")(x)
        return tf_keras.Model(inputs, logits, name="efficientnet_lite0")

    def _block(self, inputs: Any, block: Block) -> Any:
        x = inputs
        if block.expansion > 1:
            name = f"{block.name}_expand_conv"
            x = self._convolution(x, block.expansion * inputs.shape[-1], name)
            x = self._relu6(self._norm(x, f"{block.name}_bn0"), name)
        name = f"{block.name}_depthwise_conv"
        x = self._depthwise(x, block, name)
        x = self._relu6(self._norm(x, f"{block.name}_bn1"), name)
        x = self._convolution(x, self._spec.width(block.filters), f"{block.name}_project_conv")
        x = self._norm(x, f"{block.name}_bn2")
        if block.has_shortcut:
            x = layers.Add(name=f"{block.name}_add", dtype=self._spec.precision)([x, inputs])
        return x

    def _convolution(self, x: Any, filters: int, name: str, kernel_size: int = 1, strides: int = 1) -> Any:
        layer = layers.Conv2D(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer=initializer(name, self._seed),
            name=name,
            dtype=self._spec.precision,
        )
        return layer(x)

    def _depthwise(self, x: Any, block: Block, name: str) -> Any:
        # He normal by the height and width of the kernel alone, which is what Keras takes for the fan out here.
        start = tf_keras.initializers.VarianceScaling(2.0, "fan_out", seed=layer_seed(name, self._seed))
        layer = layers.DepthwiseConv2D(
            block.kernel_size,
            strides=block.strides,
            padding="same",
            use_bias=False,
            depthwise_initializer=start,
            name=name,
            dtype=self._spec.precision,
        )
        return layer(x)

    def _norm(self, x: Any, name: str) -> Any:
        layer = layers.BatchNormalization(
            epsilon=table.NORM_EPSILON, momentum=table.NORM_MOMENTUM, name=name, dtype=self._spec.precision
        )
        return layer(x)

    def _relu6(self, x: Any, name: str) -> Any:
        return layers.ReLU(6.0, name=f"{name}_relu6", dtype=self._spec.precision)(x)
