"""Where networks start: at random, or at pretrained weights."""

from collections.abc import Mapping

import numpy as np
import tf_keras

from tfp_insects.bayes.noise import layer_seed
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Architecture


def initializer(name: str, seed: int) -> tf_keras.initializers.Initializer:
    """Random start of a layer's kernel: He normal (He et al. 2015); each layer has a seed of its own."""
    return tf_keras.initializers.HeNormal(seed=layer_seed(name, seed))


def start_at(model: tf_keras.Model, weights: Mapping[str, np.ndarray], architecture: Architecture) -> None:
    """Starts a model at pretrained weights; the head keeps its own start, since its classes are others.

    Args:
        model: Either twin.
        weights: float32 arrays in Keras layout, `<layer>/kernel` and `<layer>/bias`.
        architecture: The model's design.

    Raises:
        InputError: A layer's shape differs from its weights'; the message names the layer and both shapes.
    """
    names = [name for name in architecture.layer_names if name != architecture.head]
    for name in names:
        layer = model.get_layer(name)
        kernel = weights[f"{name}/kernel"]
        expected = tuple((layer.loc if hasattr(layer, "loc") else layer.kernel).shape)
        if kernel.shape != expected:
            raise InputError(
                f"pretrained weights of layer {name} have shape {kernel.shape}; the model needs {expected}: "
                f"give weights of the same model.width_multiplier, or none at all"
            )
    for name in names:
        _start_layer(model.get_layer(name), weights[f"{name}/kernel"], weights[f"{name}/bias"])


def _start_layer(layer: tf_keras.layers.Layer, kernel: np.ndarray, bias: np.ndarray) -> None:
    if hasattr(layer, "centre_on"):
        layer.centre_on(kernel, bias)
    else:
        layer.set_weights([kernel, bias])
