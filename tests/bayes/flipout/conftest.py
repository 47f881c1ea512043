"""The two Flipout layers that each test is run with, and their passes written out."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.variational_kernel import VariationalKernel


class Layers:
    """Makes layers by their kind, and what goes with them."""

    num_train_examples = 40
    kernel_shapes: ClassVar[dict[str, tuple[int, ...]]] = {"dense": (5, 7), "convolution": (3, 3, 2, 4)}
    input_shapes: ClassVar[dict[str, tuple[int, ...]]] = {"dense": (6, 5), "convolution": (6, 5, 6, 2)}

    @classmethod
    def variational(cls, prior_kind: str = "pretrained", **options: Any) -> dict[str, Any]:
        prior = {"kind": prior_kind, "scale": 0.8, "floor": 0.1}
        return {"prior": prior, "num_train_examples": cls.num_train_examples, "posterior_ratio": 0.5, **options}

    @classmethod
    def make(cls, kind: str, config: Mapping[str, Any], seed: int = 3, **kwargs: Any) -> VariationalKernel:
        kwargs |= {"variational": config, "seed": seed, "name": kind}
        if kind == "dense":
            layer = DenseFlipout(7, **kwargs)
        else:
            layer = Convolution2DFlipout(4, 3, strides=2, padding="same", **kwargs)
        layer.build(cls.input_shapes[kind])
        return layer

    @classmethod
    def trained(cls, kind: str, config: Mapping[str, Any] | None = None, **kwargs: Any) -> VariationalKernel:
        """A layer that has moved away from its start, with a scale of its own for each weight where it may have one."""
        layer = cls.make(kind, cls.variational() if config is None else config, **kwargs)
        shape = cls.kernel_shapes[kind]
        rng = np.random.default_rng(5)
        layer.centre_on(*(rng.normal(size=size).astype(np.float32) for size in (shape, shape[-1:])))
        layer.loc.assign_add(tf.constant(rng.normal(0, 0.3, size=shape), tf.float32))
        layer.log_ratio.assign_add(tf.constant(rng.normal(0, 0.3, size=layer.log_ratio.shape), tf.float32))
        return layer

    @classmethod
    def random_inputs(cls, kind: str) -> tf.Tensor:
        return tf.constant(np.random.default_rng(0).normal(size=cls.input_shapes[kind]), tf.float32)

    @staticmethod
    def linear(kind: str, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return inputs @ kernel if kind == "dense" else tf.nn.conv2d(inputs, kernel, 2, "SAME")

    @staticmethod
    def noise_and_signs(layer: VariationalKernel, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The random numbers of the layer's last training call."""
        step, rank = tf.convert_to_tensor(layer.noise_step), inputs.shape.rank
        sign_in = layer._signs([inputs.shape[0], inputs.shape[-1]], step, salt=1, rank=rank)
        sign_out = layer._signs([inputs.shape[0], layer.loc.shape[-1]], step, salt=2, rank=rank)
        return layer._noise(step), sign_in, sign_out

    @classmethod
    def written_out(cls, kind: str, layer: VariationalKernel, inputs: tf.Tensor) -> tf.Tensor:
        """Flipout's outputs of the last training call, before the activation (Wen et al. 2018, eq. 4), in float32."""
        noise, sign_in, sign_out = (tf.cast(part, tf.float32) for part in cls.noise_and_signs(layer, inputs))
        perturbation = layer.kernel_posterior.stddev() * noise
        perturbed = cls.linear(kind, inputs * sign_in, perturbation) * sign_out
        return cls.linear(kind, inputs, layer.loc) + perturbed + layer.bias


@pytest.fixture
def layers() -> type[Layers]:
    return Layers


@pytest.fixture(params=Layers.kernel_shapes)
def kind(request: pytest.FixtureRequest) -> str:
    """Either layer: the tests that ask for it are run with both."""
    return request.param


@pytest.fixture(params=["pretrained", "log_uniform"])
def prior(request: pytest.FixtureRequest) -> str:
    """One whose posterior's scale stays where it is, and one whose scale follows the mean."""
    return request.param
