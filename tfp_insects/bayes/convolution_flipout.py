"""A Bayesian convolution of images."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.layer_arguments import positive_integer, positive_pair, refuse_unsupported
from tfp_insects.bayes.priors import Variational
from tfp_insects.bayes.variational_kernel import VariationalKernel

PADDINGS = ("valid", "same")
CHANNELS_LAST = "channels_last"


@tf_keras.utils.register_keras_serializable(package="tfp_insects")
class Convolution2DFlipout(VariationalKernel, tfp.layers.Convolution2DFlipout):
    """`tfp.layers.Convolution2DFlipout` on a `VariationalKernel`; the kernel is `[height, width, channels, filters]`.

    Inputs are `[batch, height, width, channels]`. All places of an image share its perturbed kernel.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel, or one integer for both.
        strides: Vertical and horizontal step, or one integer for both.
        padding: `valid` or `same`, in any case.
        data_format: `channels_last`, or none where that is Keras' `image_data_format`.
        dilation_rate: Vertical and horizontal distance of the kernel's elements, or one integer for both.
        activation: As for `DenseFlipout`, with all that follow.
        activity_regularizer: See `DenseFlipout`.
        trainable: See `DenseFlipout`.
        use_bias: See `DenseFlipout`.
        variational: See `DenseFlipout`. There is no `covariance_scale` for convolutions.
        seed: See `DenseFlipout`.
        kernel_initializer: See `DenseFlipout`.
        **kwargs: See `DenseFlipout`.

    Raises:
        TypeError: An argument that is not supported, such as `groups`.
        ValueError: A value that is not supported: `channels_first`, `causal` padding, strides together with dilation.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        *,
        data_format: str | None = CHANNELS_LAST,
        dilation_rate: int | tuple[int, int] = 1,
        activation: Any = None,
        activity_regularizer: Any = None,
        trainable: bool = True,
        use_bias: bool = True,
        variational: Variational | Mapping[str, Any] | None = None,
        seed: int | None = None,
        kernel_initializer: Any = "he_normal",
        **kwargs: Any,
    ) -> None:
        label = refuse_unsupported(type(self), kwargs)
        super().__init__(
            filters=positive_integer(label, "filters", filters),
            kernel_size=positive_pair(label, "kernel_size", kernel_size),
            strides=positive_pair(label, "strides", strides),
            padding=_checked_padding(label, padding),
            data_format=_checked_data_format(label, data_format),
            dilation_rate=positive_pair(label, "dilation_rate", dilation_rate),
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            use_bias=use_bias,
            variational=variational,
            seed=seed,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{label}: strides and dilation_rate cannot both be above 1; got {self.strides} and {self.dilation_rate}"
            )
        if self.variational.covariance_scale:
            raise ValueError(
                f"{label}: variational: only a dense layer can have a covariance_scale; got "
                f"{self.variational.covariance_scale}"
            )

    def _linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        padding = self.padding.upper()
        if max(self.dilation_rate) == 1:
            return tf.nn.conv2d(inputs, kernel, self.strides, padding)
        # `conv2d` itself has no gradient of a dilated kernel in every type on every processor.
        return tf.nn.convolution(inputs, kernel, padding=padding, dilations=self.dilation_rate)

    def get_config(self) -> dict[str, Any]:
        """The layer's plain configuration, from which `from_config` makes the same again, weights apart."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


def _checked_padding(label: str, padding: str) -> str:
    if not isinstance(padding, str) or padding.lower() not in PADDINGS:
        raise ValueError(f"{label}: padding: expected one of {', '.join(PADDINGS)}; got {padding!r}")
    return padding.lower()


def _checked_data_format(label: str, data_format: str | None) -> str:
    data_format = tf_keras.backend.image_data_format() if data_format is None else data_format
    if data_format != CHANNELS_LAST:
        raise ValueError(f"{label}: data_format: expected {CHANNELS_LAST}; got {data_format!r}")
    return data_format
