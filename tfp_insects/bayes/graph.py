"""A Functional model, cut where its first and its last random layer begin.

Draws of the weights change nothing before the first random layer, and draws of the last one nothing before that. So a model
is run in three stages, whose outputs are kept: what no draw changes, what leads to the last random layer, and the rest.
Branches are no obstacle: what passes from one stage to the next is a set of tensors. A nested model is one step of the outer
one, and belongs to a stage as a whole.

A model whose call is not a graph of layers (a subclass of `tf_keras.Model`) is one stage, the last.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import all_layers

# What a Functional model is; Keras has no public name for it.
_FUNCTIONAL = tf_keras.Sequential.__mro__[1]
_FIXED, _SHARED, _LAST = range(3)


def is_graph(model: tf_keras.layers.Layer) -> bool:
    """Whether a model's call is its graph of layers: a Functional or a built Sequential model, no call of its own."""
    calls = (tf_keras.Sequential.call, _FUNCTIONAL.call)
    return bool(getattr(model, "_is_graph_network", False)) and type(model).call in calls


def graph_nodes(model: tf_keras.Model) -> list[Any]:
    """The calls of layers that lead to a Functional model's outputs, each behind those that it needs; no inputs."""
    depths = sorted((depth for depth in model._nodes_by_depth if depth >= 0), reverse=True)
    return [node for depth in depths for node in model._nodes_by_depth[depth] if not node.is_input]


def input_tensor(model: tf_keras.Model, layer: tf_keras.layers.Layer) -> Any:
    """The symbolic tensor that a layer of a Functional model is called with.

    Raises:
        ValueError: The layer is not called once by the model itself, nested models apart.
    """
    nodes = [node for node in graph_nodes(model) if node.layer is layer] if is_graph(model) else []
    if len(nodes) != 1:
        raise ValueError(
            f"layer {layer.name!r} must be called once by the model itself; it is called {len(nodes)} times"
        )
    return nodes[0].keras_inputs[0]


class Part(NamedTuple):
    """Some calls of a model's layers.

    Attributes:
        nodes: The calls, in order.
        sources: The symbolic tensors that they start from.
        targets: Those that are wanted of them.
    """

    nodes: Sequence[Any]
    sources: Sequence[Any]
    targets: Sequence[Any]


def split_graph(model: tf_keras.Model, stage_of: Callable[[tf_keras.layers.Layer], int], num_stages: int) -> list[Part]:
    """Splits a Functional model's calls into stages that follow one another.

    Args:
        model: A graph of layers.
        stage_of: The stage, from 0, that a layer belongs to by itself; its calls come no earlier than what they need.
        num_stages: Number of stages; some may be empty.

    Returns:
        The stages; what one starts from is what the one before is wanted for.
    """
    nodes = graph_nodes(model)
    stage_of_tensor: dict[int, int] = {}
    parts: list[list[Any]] = [[] for _ in range(num_stages)]
    for node in nodes:
        stage = max([stage_of(node.layer), *(stage_of_tensor.get(id(tensor), 0) for tensor in node.keras_inputs)])
        stage_of_tensor |= {id(tensor): stage for tensor in _outputs([node])}
        parts[stage].append(node)
    found, known = [], list(model.inputs)
    for stage, own in enumerate(parts):
        later = [node for part in parts[stage + 1 :] for node in part]
        wanted = {id(tensor) for node in later for tensor in node.keras_inputs} | set(map(id, model.outputs))
        is_last = stage == num_stages - 1
        targets = model.outputs if is_last else [one for one in [*known, *_outputs(own)] if id(one) in wanted]
        found.append(Part(own, known, targets))
        known = targets
    return found


class CutModel:
    """A model in three stages.

    Args:
        model: Any; only a graph of layers without masks is cut.
        random_layers: From input to output; the model's or nested models'.

    Attributes:
        has_fixed_part: Whether there is something before the first random layer whose outputs are worth keeping. What only
            pads or reshapes costs nothing, but its outputs for many images fill the memory.
    """

    def __init__(self, model: tf_keras.Model, random_layers: Sequence[tf_keras.layers.Layer]) -> None:
        self._model = model
        self._stages: list[_Stage] = []
        self.has_fixed_part = False
        if is_graph(model) and not _has_masks(model):
            self._cut(random_layers)

    def _cut(self, random_layers: Sequence[tf_keras.layers.Layer]) -> None:
        def stage_of(layer: tf_keras.layers.Layer) -> int:
            within = all_layers(layer)
            if not any(one in random_layers for one in within):
                return _FIXED
            return _LAST if random_layers[-1] in within else _SHARED

        stages = split_graph(self._model, stage_of, num_stages=3)
        self.has_fixed_part = any(node.layer.weights for node in stages[_FIXED].nodes)
        if not self.has_fixed_part:
            stages = split_graph(self._model, lambda layer: max(stage_of(layer), _SHARED), num_stages=3)
        self._stages = [_Stage(part) for part in stages]

    def before_draws(self, inputs: Any) -> Any:
        """Runs what no draw changes, in inference mode: the model's inputs to what `before_last` takes."""
        if not self._stages:
            return inputs
        flat = self._model._flatten_to_reference_inputs(inputs)
        conformed = [
            self._model._conform_to_reference_input(tensor, ref_input=reference)
            for tensor, reference in zip(flat, self._model.inputs, strict=True)
        ]
        return self._stages[_FIXED](conformed, training=False)

    def before_last(self, state: Any) -> Any:
        """Runs what leads to the last random layer, to what `last` takes."""
        return self._stages[_SHARED](state, training=False) if self._stages else state

    def last(self, state: Any) -> Any:
        """Runs the last random layer and what follows, to the model's outputs."""
        if not self._stages:
            return self._model(state, training=False)
        outputs = self._stages[_LAST](state, training=False)
        return tf.nest.pack_sequence_as(self._model._nested_outputs, outputs)


class _Stage(tf_keras.layers.Layer):
    """A part of a model. It is a layer itself so that Keras tells the layers within that this is no training."""

    def __init__(self, part: Part) -> None:
        super().__init__(autocast=False)
        self._calls, self._sources, self._targets = map(tuple, part)

    def call(self, tensors: Sequence[tf.Tensor], training: bool | None = None) -> list[tf.Tensor]:
        """Maps tensors for the sources to those for the targets."""
        del training  # The layers ask Keras for it.
        known = {str(id(source)): tensor for source, tensor in zip(self._sources, tensors, strict=True)}
        for node in self._calls:
            ids = node.flat_input_ids
            args, kwargs = node.map_arguments({one: [known[one]] * ids.count(one) for one in ids})
            known |= zip(node.flat_output_ids, tf.nest.flatten(node.layer(*args, **kwargs)), strict=True)
        return [known[str(id(target))] for target in self._targets]


def _has_masks(model: tf_keras.Model) -> bool:
    """Whether Keras hands masks from layer to layer, which would be lost between stages."""
    tensors = [*model.inputs, *_outputs(graph_nodes(model))]
    return any(getattr(tensor, "_keras_mask", None) is not None for tensor in tensors)


def _outputs(nodes: Sequence[Any]) -> list[Any]:
    return [tensor for node in nodes for tensor in tf.nest.flatten(node.outputs)]
