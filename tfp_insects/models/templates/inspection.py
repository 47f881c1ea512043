"""What is found out about a user's model: where it ends, what it takes, how it normalises."""

from typing import Any, NamedTuple, TypeAlias

import tf_keras

from tfp_insects.bayes.conversion import list_layers
from tfp_insects.bayes.graph import graph_nodes, is_graph
from tfp_insects.errors import InputError
from tfp_insects.models.templates.rebuilding import NORMALISING, RANDOM_LAYER

Layer: TypeAlias = tf_keras.layers.Layer
# What may follow the last dense layer.
ENDS = ("linear", "softmax", "sigmoid")


class Inspected(NamedTuple):
    """See `Architecture` for the first three; `side` is that of the input in pixels, none where any will do."""

    normalises_itself: bool
    hidden: tuple[str, ...]
    head: str
    side: int | None


def inspect_model(model: tf_keras.Model) -> Inspected:
    """Finds the last dense layer of an image classifier, and what else a design has to say.

    Raises:
        InputError: The model is no image classifier that can be given other classes; the message says what to do.
    """
    if not is_graph(model):
        raise InputError(
            f"{type(model).__name__} has a call of its own, which cannot be copied: expected a Sequential or Functional model"
        )
    for count, what in ((len(model.inputs), "inputs"), (len(model.outputs), "outputs")):
        if count != 1:
            raise InputError(f"the model has {count} {what}; expected one: build tf_keras.Model on the one to be used")
    _require_layers_that_keep_their_shape(model)
    nodes = graph_nodes(model)
    head = _head(model, nodes)
    normalises = any(isinstance(layer, NORMALISING) for _, layer in list_layers(model))
    return Inspected(normalises, _hidden(nodes, head), head.layer.name, _side(model))


def _side(model: tf_keras.Model) -> int | None:
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:
        raise InputError(
            f"the model's input has the shape {shape}; expected square colour images, [None, side, side, 3]"
        )
    if not model.inputs[0].dtype.is_floating:
        raise InputError(f"the model's input is {model.inputs[0].dtype.name}; expected float32")
    return shape[1]


def _require_layers_that_keep_their_shape(model: tf_keras.Model) -> None:
    for path, layer in list_layers(model):
        shapes = [getattr(layer, name, None) for name in ("input_shape", "output_shape")]  # None: several.
        if isinstance(layer, RANDOM_LAYER) and shapes[0] != shapes[1]:
            raise InputError(
                f"layer {path!r} ({type(layer).__name__}) changes the size of images at random: take it out of the model and "
                "save it again; augmentation is the study's own"
            )


def _head(model: tf_keras.Model, nodes: list[Any]) -> Any:
    """The call of the last dense layer."""
    makers = {id(node.outputs): node for node in nodes}
    tensor = model.outputs[0]
    while (node := makers.get(id(tensor))) is not None and type(node.layer) is not tf_keras.layers.Dense:
        if is_graph(node.layer):
            raise InputError(
                f"its last layers lie in the nested model {node.layer.name!r}: build them on its output instead, "
                "tf_keras.Model(inputs, tf_keras.layers.Dense(...)(base(inputs)))"
            )
        if _end(node.layer) not in ENDS or len(node.keras_inputs) != 1:
            break
        tensor = node.keras_inputs[0]
    if node is None or type(node.layer) is not tf_keras.layers.Dense:
        what = "nothing" if node is None else f"{node.layer.name!r} ({type(node.layer).__name__})"
        raise InputError(
            f"the model does not end in a Dense layer but in {what}, so it is not known what to replace: put "
            "tf_keras.layers.Dense behind its features, GlobalAveragePooling2D between them, and save it again"
        )
    if len(node.keras_inputs[0].shape) != 2 or sum(one.layer is node.layer for one in nodes) != 1:
        raise InputError(
            f"its last Dense layer {node.layer.name!r} must be called once, on one vector an image: put "
            "GlobalAveragePooling2D or Flatten before it"
        )
    return node


def _end(layer: Layer) -> str:
    if isinstance(layer, tf_keras.layers.Softmax):
        return "softmax"
    if isinstance(layer, tf_keras.layers.Activation):
        return getattr(layer.activation, "__name__", "")
    operation = layer.get_config().get("function") if hasattr(layer, "function") else None
    return str(operation).rpartition(".")[2] if operation else type(layer).__name__


def _hidden(nodes: list[Any], head: Any) -> tuple[str, ...]:
    """Dense layers in the chain of vectors that ends in the head, from input to output."""
    makers = {id(node.outputs): node for node in nodes}
    found: list[str] = []
    tensor = head.keras_inputs[0]
    while len(tensor.shape) == 2 and (node := makers.get(id(tensor))) is not None and len(node.keras_inputs) == 1:
        if isinstance(node.layer, tf_keras.layers.Dense):
            found.insert(0, node.layer.name)
        tensor = node.keras_inputs[0]
    return tuple(found)
