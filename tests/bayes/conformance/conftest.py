"""Each layer with each of its arguments, and Flipout written out in NumPy."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes import Convolution2DFlipout, DenseFlipout, Prior, Variational
from tfp_insects.bayes.variational_kernel import VariationalKernel

VARIATIONAL = Variational(Prior("pretrained", 0.8, 0.1), num_train_examples=40, posterior_ratio=0.5)


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer by its arguments.

    Attributes:
        arguments: Those that stock TFP's layer takes too.
        input_shape: With the batch.
        own: Further arguments of this project's layer.
    """

    arguments: Mapping[str, Any]
    input_shape: tuple[int, ...]
    own: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_dense(self) -> bool:
        return "units" in self.arguments

    @property
    def flipout(self) -> type[VariationalKernel]:
        return DenseFlipout if self.is_dense else Convolution2DFlipout

    @property
    def stock(self) -> type[tf_keras.layers.Layer]:
        return tfp.layers.DenseFlipout if self.is_dense else tfp.layers.Convolution2DFlipout

    def make(self, **more: Any) -> VariationalKernel:
        """The layer as it is before training."""
        return self.flipout(
            **{"variational": VARIATIONAL, "seed": 3, "name": "it", **self.arguments, **self.own, **more}
        )

    def trained(self, **more: Any) -> VariationalKernel:
        """A built layer that has moved away from its start, with numbers that are all different."""
        layer, rng = self.make(**more), np.random.default_rng(5)
        layer.build(self.input_shape)
        shape = tuple(layer.loc.shape)
        layer.centre_on(rng.normal(size=shape), rng.normal(size=shape[-1:]) if layer.use_bias else None)
        layer.loc.assign_add(np.float32(rng.normal(0, 0.3, size=shape)))
        layer.log_ratio.assign_add(np.float32(rng.normal(0, 0.3, size=layer.log_ratio.shape)))
        return layer

    def inputs(self) -> tf.Tensor:
        return tf.constant(np.random.default_rng(0).normal(size=self.input_shape), tf.float32)

    def numpy_linear(self, inputs: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """The layer's product or cross-correlation in float64, one element of the kernel after the other."""
        if self.is_dense:
            return inputs @ kernel
        strides, rates = (_pair(self.arguments.get(name, 1)) for name in ("strides", "dilation_rate"))
        same = self.arguments.get("padding", "valid").lower() == "same"
        rows, columns = (
            list(_places(*sizes, same))
            for sizes in zip(inputs.shape[1:3], kernel.shape[:2], strides, rates, strict=True)
        )
        outputs = np.zeros((len(inputs), len(rows), len(columns), kernel.shape[-1]))
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                for y, x, u, v in ((y, x, u, v) for u, y in row for v, x in column):
                    outputs[:, i, j] += inputs[:, y, x] @ kernel[u, v]
        return outputs


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _places(size: int, length: int, stride: int, rate: int, same: bool) -> Iterator[list[tuple[int, int]]]:
    """Along one axis, for each output: which element of the kernel meets which input, where there is one."""
    reach = (length - 1) * rate + 1
    count = -(-size // stride) if same else (size - reach) // stride + 1
    before = max((count - 1) * stride + reach - size, 0) // 2 if same else 0  # TensorFlow pads more at the end.
    for i in range(count):
        places = [(u, i * stride - before + u * rate) for u in range(length)]
        yield [(u, place) for u, place in places if 0 <= place < size]


DENSE, SQUARE, RECTANGULAR = {"units": 7}, {"filters": 3, "kernel_size": 3}, {"filters": 3, "kernel_size": (3, 2)}
ROWS, PLACES, IMAGES = (4, 5), (4, 6, 5), (4, 7, 8, 2)
# Few shapes of kernels, since each is compiled once.
CASES = {
    "dense": Case(DENSE, ROWS),
    "dense, activation": Case({**DENSE, "activation": "relu"}, ROWS),
    "dense, regularised activity": Case({**DENSE, "activation": tf.nn.softplus, "activity_regularizer": "l2"}, ROWS),
    "dense, not trained": Case({**DENSE, "trainable": False}, ROWS),
    "dense, no bias": Case(DENSE, ROWS, {"use_bias": False}),
    "dense, places": Case({**DENSE, "activation": "tanh"}, PLACES),
    "convolution": Case(SQUARE, IMAGES),
    "convolution, rectangular": Case(RECTANGULAR, IMAGES),
    "convolution, strides": Case({**RECTANGULAR, "strides": (2, 1)}, IMAGES),
    "convolution, same": Case({**RECTANGULAR, "padding": "SAME", "strides": (3, 2)}, IMAGES),
    "convolution, dilation": Case({**RECTANGULAR, "dilation_rate": (2, 3)}, IMAGES),
    "convolution, same, dilation": Case({**SQUARE, "padding": "same", "dilation_rate": 2}, IMAGES),
    "convolution, channels last": Case({**SQUARE, "data_format": "channels_last", "trainable": False}, IMAGES),
    "convolution, activation": Case(
        {**RECTANGULAR, "activation": "relu", "activity_regularizer": tf_keras.regularizers.L1(0.3)}, IMAGES
    ),
    "convolution, no bias": Case(SQUARE, IMAGES, {"use_bias": False, "data_format": None}),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each layer with each argument: the tests that ask for it are run with all of them."""
    return CASES[request.param]


@pytest.fixture
def cases() -> Mapping[str, Case]:
    return CASES


@pytest.fixture
def random_numbers() -> Callable[[VariationalKernel, tf.Tensor], tuple[np.ndarray, ...]]:
    """Returns a function to the noise and both signs `[batch, channels]` of a layer's last training call."""

    def numbers(layer: VariationalKernel, inputs: tf.Tensor) -> tuple[np.ndarray, ...]:
        step, rank = tf.convert_to_tensor(layer.noise_step), inputs.shape.rank
        sizes = enumerate((inputs.shape[-1], layer.loc.shape[-1]), 1)
        signs = [layer._signs([inputs.shape[0], size], step, salt, rank).numpy() for salt, size in sizes]
        return layer._noise(step).numpy(), *(sign.reshape(sign.shape[0], -1) for sign in signs)

    return numbers
