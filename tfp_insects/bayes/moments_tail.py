"""The end of a model that moments pass through: dense layers with ReLU between them, the first and others of them Bayesian.

What lies before the tail is drawn, or stands at the posterior's mean. What follows its last dense layer, such as softmax, is
applied to draws of that layer's outputs.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.graph import graph_nodes, is_graph

_LINEAR, _RELU = "linear", "relu"
_DROPOUT = tf_keras.layers.Dropout


class NoMomentsError(ValueError):
    """Moments cannot be carried through a model; the message says why."""


class TailLayer(NamedTuple):
    """A dense layer of the tail.

    Attributes:
        layer: `DenseFlipout`, or Keras' own.
        is_rectified: Whether ReLU follows it.
    """

    layer: tf_keras.layers.Layer
    is_rectified: bool


class Tail(NamedTuple):
    """The end of a model.

    Attributes:
        inputs: The symbolic tensor that the first layer is called with.
        layers: Dense layers, from input to output; the last one is not rectified.
        rest: Layers without weights that follow the last one, besides its own activation.
    """

    inputs: Any
    layers: Sequence[TailLayer]
    rest: Sequence[tf_keras.layers.Layer]


def moments_obstacle(model: tf_keras.Model) -> str | None:
    """Says why the answers of a model cannot be had by moments, in a part of a sentence; None if they can."""
    try:
        find_tail(model)
    except NoMomentsError as error:
        return str(error)
    return None


def find_tail(model: tf_keras.Model) -> Tail:
    """Finds the longest end of a model that starts with a Bayesian dense layer and that moments pass through.

    Raises:
        NoMomentsError: There is none.
    """
    chain = _chain_to_output(model)
    place = next((i for i in reversed(range(len(chain))) if _is_dense(chain[i])), None)
    if place is None:
        raise NoMomentsError("it does not end in a dense layer")
    last, rest = chain[place], [node.layer for node in chain[place + 1 :]]
    passed = [last]
    for node in reversed(chain[:place]):
        if not _passes_moments(node):
            break
        passed.insert(0, node)
    first = next((i for i, node in enumerate(passed) if isinstance(node.layer, DenseFlipout)), None)
    if first is None:
        raise NoMomentsError("no Bayesian layer is among the dense layers with ReLU or nothing between them at its end")
    return Tail(passed[first].keras_inputs[0], _dense_layers(passed[first:]), rest)


def finisher(tail: Tail, activation: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """What makes the wanted outputs of draws `[num_draws, batch, units]` of the last dense layer before its activation.

    Args:
        tail: The end of a model.
        activation: Applied to the model's outputs `[num_draws * batch, ...]`.
    """
    own = tail.layers[-1].layer.activation

    def finish(draws: tf.Tensor) -> tf.Tensor:
        outputs = tf.reshape(draws, [-1, draws.shape[-1]])
        outputs = outputs if own is None else own(outputs)
        for layer in tail.rest:
            outputs = layer(outputs)
        outputs = activation(outputs)
        return tf.reshape(outputs, [tf.shape(draws)[0], tf.shape(draws)[1], *outputs.shape[1:]])

    return finish


def _dense_layers(nodes: Sequence[Any]) -> list[TailLayer]:
    """Joins each dense layer with the ReLU that follows it; other layers change nothing."""
    found: list[TailLayer] = []
    for node in nodes:
        rectifies = _activation_of(node.layer) == _RELU
        if _is_dense(node):
            found.append(TailLayer(node.layer, rectifies))
        elif rectifies:
            found[-1] = found[-1]._replace(is_rectified=True)
    found[-1] = found[-1]._replace(is_rectified=False)  # Its activation is for draws of its outputs.
    return found


def _chain_to_output(model: tf_keras.Model) -> list[Any]:
    """The calls of layers at a model's end that have one input and one output and no branch between them, in order.

    No random layer is among them but Bayesian dense ones.
    """
    if not is_graph(model) or len(model.outputs) != 1:
        raise NoMomentsError("it is not a graph of layers with one output")
    nodes = graph_nodes(model)
    by_output = {id(node.outputs): node for node in nodes if not isinstance(node.outputs, (list, tuple, dict))}
    chain: list[Any] = []
    tensor = model.outputs[0]
    while (node := by_output.get(id(tensor))) is not None:
        is_random = hasattr(node.layer, "sample_pair") and not isinstance(node.layer, DenseFlipout)
        is_branch = sum(other is tensor for one in nodes for other in one.keras_inputs) > int(bool(chain))
        calls = sum(one.layer is node.layer for one in nodes)
        has_kernel = bool(node.layer.weights) and not _is_dense(node) and not isinstance(node.layer, _DROPOUT)
        if is_random or is_branch or has_kernel or calls > 1 or len(node.keras_inputs) != 1:
            break
        chain.insert(0, node)
        tensor = node.keras_inputs[0]
    return chain


def _is_dense(node: Any) -> bool:
    """Whether it is a dense layer on one vector an example; with several, one kernel would be shared by all."""
    return isinstance(node.layer, (tf_keras.layers.Dense, DenseFlipout)) and node.keras_inputs[0].shape.rank == 2


def _passes_moments(node: Any) -> bool:
    layer = node.layer
    if isinstance(layer, (tf_keras.layers.Flatten, _DROPOUT)):
        return node.keras_inputs[0].shape.rank == 2
    if not _is_dense(node) and not isinstance(layer, (tf_keras.layers.Activation, tf_keras.layers.ReLU)):
        return False
    return _activation_of(layer) in (_LINEAR, _RELU)


def _activation_of(layer: tf_keras.layers.Layer) -> str:
    if isinstance(layer, tf_keras.layers.ReLU):
        is_plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
        return _RELU if is_plain else type(layer).__name__
    function = getattr(layer, "activation", None)
    return _LINEAR if function is None else getattr(function, "__name__", "")
