"""torchvision's adaptive average pooling."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras


@tf_keras.utils.register_keras_serializable(package="tfp_insects")
class AdaptiveAveragePooling2D(tf_keras.layers.Layer):
    """Averages a feature map of any size to a fixed one, as `torch.nn.AdaptiveAvgPool2d` does.

    Output cell i of n averages the input cells from floor(i size / n) to ceil((i + 1) size / n), both ends counted as in a
    Python slice. Cells overlap, or repeat an input, where size is no multiple of n.
    """

    def __init__(self, output_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = output_size

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pools `[batch, height, width, channels]` to `[batch, output_size, output_size, channels]`."""
        return adaptive_average(inputs, self.output_size)

    def get_config(self) -> dict[str, Any]:
        """The layer's plain configuration."""
        return {**super().get_config(), "output_size": self.output_size}


def adaptive_average(inputs: tf.Tensor, output_size: int) -> tf.Tensor:
    """Pools `[batch, height, width, channels]` to `[batch, output_size, output_size, channels]`."""
    height, width = inputs.shape[1:3]
    if (height, width) == (output_size, output_size):
        return inputs
    rows = tf.constant(averaging_matrix(height, output_size), inputs.dtype)
    columns = tf.constant(averaging_matrix(width, output_size), inputs.dtype)
    return tf.einsum("bhwc,ih,jw->bijc", inputs, rows, columns)


def averaging_matrix(input_size: int, output_size: int) -> np.ndarray:
    """Weights `[output_size, input_size]`, float32, of the averages along one axis."""
    matrix = np.zeros((output_size, input_size), np.float32)
    for i in range(output_size):
        first = i * input_size // output_size
        last = -(-(i + 1) * input_size // output_size)
        matrix[i, first:last] = 1.0 / (last - first)
    return matrix
