"""What a classifier's outputs are: logits, or probabilities already.

The rule, for each output:

| the model ends in | its outputs are | loss to compile with | samples are |
|---|---|---|---|
| no activation | logits | `SparseCategoricalCrossentropy(from_logits=True)` | their softmax; the sigmoid of one unit |
| softmax | class probabilities | `SparseCategoricalCrossentropy()` | the outputs |
| sigmoid | a probability for each unit | `BinaryCrossentropy()` | the outputs |

A model with a call of its own is taken to give logits. What only reshapes, casts or drops its inputs has no say.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.graph import is_graph

SOFTMAX, SIGMOID, LINEAR = "softmax", "sigmoid", "linear"
_TRANSPARENT = (
    tf_keras.layers.Reshape,
    tf_keras.layers.Flatten,
    tf_keras.layers.Identity,
    tf_keras.layers.Dropout,
)


def output_activations(model: tf_keras.Model) -> list[str]:
    """The activation in which each output of a model ends, in the order of its outputs.

    Returns:
        `softmax`, `sigmoid`, or `linear` for all others, one for each output; nothing for a model with a call of its own.
    """
    return [_activation_of(output) for output in model.outputs] if is_graph(model) else []


def to_probabilities(model: tf_keras.Model) -> Callable[[Any], Any]:
    """What makes class probabilities, float32, of a model's outputs, by the rule of this module."""

    def apply(outputs: Any) -> Any:
        flat = [tf.cast(output, tf.float32) for output in tf.nest.flatten(outputs)]
        kinds = output_activations(model) or [LINEAR] * len(flat)
        probabilities = [_probabilities(output, kind) for output, kind in zip(flat, kinds, strict=True)]
        return tf.nest.pack_sequence_as(outputs, probabilities)

    return apply


def _probabilities(outputs: tf.Tensor, kind: str) -> tf.Tensor:
    if kind != LINEAR:
        return outputs
    return tf.sigmoid(outputs) if outputs.shape[-1] == 1 else tf.nn.softmax(outputs)


def _activation_of(tensor: Any) -> str:
    """Follows a symbolic output back to the layer that decides."""
    layer, node_index, tensor_index = tensor._keras_history
    if is_graph(layer):
        return _activation_of(layer.outputs[tensor_index])
    own = _own_activation(layer)
    if own == LINEAR and isinstance(layer, (*_TRANSPARENT, tf_keras.layers.Activation)):
        return _activation_of(layer.inbound_nodes[node_index].keras_inputs[0])
    return own


def _own_activation(layer: tf_keras.layers.Layer) -> str:
    if isinstance(layer, tf_keras.layers.Softmax):
        return SOFTMAX
    # An operation of TensorFlow's, such as `tf.nn.softmax`, is a layer with its function.
    function = getattr(layer, "activation", None) or getattr(layer, "function", None)
    name = getattr(function, "__name__", "")
    return next((kind for kind in (SOFTMAX, SIGMOID) if name.startswith(kind)), LINEAR)
