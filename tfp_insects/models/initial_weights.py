"""Where networks start: at random, or at pretrained weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.conversion import list_layers
from tfp_insects.bayes.noise import layer_seed
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Architecture


def initializer(name: str, seed: int) -> tf_keras.initializers.Initializer:
    """Random start of a layer's kernel: He normal (He et al. 2015); each layer has a seed of its own."""
    return tf_keras.initializers.HeNormal(seed=layer_seed(name, seed))


def weights_of(model: tf_keras.Model) -> dict[str, np.ndarray]:
    """All weights of a deterministic model by name, `<layer>/<variable>`; float32 as they are in files."""
    return {
        f"{path}/{name}": np.asarray(variable, np.float32)
        for path, layer in list_layers(model)
        for name, variable in variables_of(layer).items()
        if variable.dtype.is_floating  # Not the step of dropout.
    }


def variables_of(layer: tf_keras.layers.Layer) -> dict[str, tf.Variable]:
    """A layer's variables by their last names, `kernel`; by number where these are not unique, as of layers in layers."""
    names = [variable.name.rpartition("/")[2].partition(":")[0] for variable in layer.weights]
    if len(set(names)) < len(names):
        names = [str(place) for place in range(len(names))]
    return dict(zip(names, layer.weights, strict=True))


def start_at(model: tf_keras.Model, weights: Mapping[str, np.ndarray], architecture: Architecture) -> None:
    """Starts a model at pretrained weights; the head keeps its own start, since its classes are others.

    Args:
        model: Either twin.
        weights: float32 arrays in Keras layout, `<layer>/<variable>`.
        architecture: The model's design.

    Raises:
        InputError: A layer's shape differs from its weights'; the message names the layer and both shapes.
    """
    layers = {path: layer for path, layer in list_layers(model) if path != architecture.head}
    by_layer: dict[str, dict[str, np.ndarray]] = {}
    for name, array in weights.items():
        path, _, variable = name.rpartition("/")
        if path != architecture.head:
            by_layer.setdefault(path, {})[variable] = array
    for path, arrays in by_layer.items():
        _require_shapes(path, layers[path], arrays)
    for path, arrays in by_layer.items():
        _start_layer(layers[path], arrays)


def _require_shapes(path: str, layer: tf_keras.layers.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    variables = _started(layer)
    for name, array in arrays.items():
        expected = tuple(variables[name].shape)
        if array.shape != expected:
            of = "" if name == "kernel" else f" ({name})"
            raise InputError(
                f"pretrained weights of layer {path}{of} have shape {array.shape}; the model needs {expected}: "
                f"give weights of the same model.width_multiplier, or none at all"
            )


def _started(layer: tf_keras.layers.Layer) -> dict[str, Any]:
    """What of a layer has pretrained values; of a Bayesian one the kernel is its location."""
    if hasattr(layer, "centre_on"):
        kernel = layer.loc if hasattr(layer, "loc") else layer.kernel
        return {"kernel": kernel, "bias": layer.bias}
    return variables_of(layer)


def _start_layer(layer: tf_keras.layers.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    if hasattr(layer, "centre_on"):
        layer.centre_on(arrays["kernel"], arrays.get("bias"))
        return
    variables = variables_of(layer)
    for name, array in arrays.items():
        variables[name].assign(array)
