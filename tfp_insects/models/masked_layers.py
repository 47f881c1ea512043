"""A CNN whose layers mask their inputs, in training and in each draw of its predictions."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dropout import MonteCarloDropout
from tfp_insects.models.architecture import Group, NetworkSpec
from tfp_insects.models.cloning import clone_with
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import layer_seed
from tfp_insects.models.layer_groups import bayesian_entries


class MaskedInputs(tf_keras.layers.Layer):
    """A layer behind `MonteCarloDropout`. Mixed into Keras' layers; one of convolution drops whole maps.

    Args:
        *args: Those of Keras' layer.
        rate: Share of the inputs that is dropped.
        mask_seed: Integer.
        **kwargs: Those of Keras' layer.
    """

    def __init__(self, *args: Any, rate: float, mask_seed: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shape = (None, 1, 1, None) if isinstance(self, tf_keras.layers.Conv2D) else None
        self.masks = MonteCarloDropout(rate, seed=mask_seed, noise_shape=shape, dtype=self.dtype_policy, name="masks")

    def build(self, input_shape: tf.TensorShape) -> None:
        """Builds layer and masks."""
        super().build(input_shape)
        with tf.name_scope(self.masks.name):
            self.masks.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Masks the inputs and calls the layer."""
        return super().call(self.masks(inputs, training=training))


class MaskedDense(MaskedInputs, tf_keras.layers.Dense):
    """`tf_keras.layers.Dense` that masks its inputs."""


class MaskedConvolution2D(MaskedInputs, tf_keras.layers.Conv2D):
    """`tf_keras.layers.Conv2D` that drops whole maps of its input."""


def build_masked(spec: NetworkSpec, seed: int, rates: Mapping[Group, float]) -> tf_keras.Model:
    """The CNN with masks before each of its plain convolutions and dense layers but the first, which sees the image.

    Args:
        spec: The design, its widths, input and precision. Its own places of dropout are left out.
        seed: Integer that determines initial weights and masks.
        rates: Share of inputs that layers of a group drop; 0 leaves the masks out.
    """
    cnn, architecture = build_cnn(spec, seed, dropout=0.0), spec.architecture
    found = {path: rates[architecture.group_of(path)] for path, _ in bayesian_entries(cnn, architecture, "all")[1:]}

    def masked(path: str, layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer | None:
        if not found.get(path):
            return None
        kind = MaskedDense if isinstance(layer, tf_keras.layers.Dense) else MaskedConvolution2D
        return kind(**layer.get_config(), rate=found[path], mask_seed=layer_seed(path, seed))

    return clone_with(cnn, masked)
