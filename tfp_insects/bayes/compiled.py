"""Functions compiled by XLA that leave nothing behind in TensorFlow."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf
from tensorflow.core.framework.attr_value_pb2 import AttrValue, NameAttrList
from tensorflow.python.eager.execute import record_gradient

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """A function of tensors, named tuples of tensors and Python values that XLA compiles.

    It is `tf.function(jit_compile=True)` but for how a graph calls it. TensorFlow 2.21 makes the operation `XlaLaunch` of
    such a call, and for that keeps the function's graph as long as the process lives, once for each graph with the call:
    some megabytes a training (docs/reliability.md). Where the operation is written from the start nothing stays.

    The operation counts as one with an effect: a graph runs it even if nobody uses its result, so what a training step may
    leave out, the value of a divergence, is better left to `tf.function`.
    """
    eager = tf.function(function, jit_compile=True, autograph=False)
    traced = tf.function(function, autograph=False)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return eager(*args, **kwargs) if tf.executing_eagerly() else _launch(traced, args, kwargs)

    return call


def _launch(traced: Any, args: tuple, kwargs: dict) -> Any:
    """Adds the operation to the graph that is being traced, and returns its results in the function's structure."""
    graph = tf.compat.v1.get_default_graph()
    concrete = traced.get_concrete_function(*args, **kwargs)
    concrete.add_to_graph(graph)
    inputs = [tf.convert_to_tensor(value) for value in tf.nest.flatten((args, kwargs)) if tf.is_tensor(value)]
    specs = tf.nest.flatten(concrete.structured_outputs)
    types = [spec.dtype for spec in specs]
    function = AttrValue(func=NameAttrList(name=concrete.function_def.signature.name))
    attributes = {
        "Tconstants": _types([]),
        "Targs": _types([tensor.dtype for tensor in inputs]),
        "Nresources": AttrValue(i=0),
        "Tresults": _types(types),
        "function": function,
    }
    operation = graph.create_op("XlaLaunch", inputs, types, attrs=attributes)
    record_gradient("XlaLaunch", operation.inputs, ("function", function.func), operation.outputs)
    # The operation has no rule for shapes.
    results = [tf.ensure_shape(result, spec.shape) for result, spec in zip(operation.outputs, specs, strict=True)]
    return tf.nest.pack_sequence_as(concrete.structured_outputs, results)


@tf.RegisterGradient("XlaLaunch")
def _gradient(operation: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    """That of the function, which TensorFlow takes apart for it; not compiled."""
    inputs = list(operation.inputs)
    return tf.raw_ops.SymbolicGradient(
        input=[*inputs, *upstream], Tout=[one.dtype for one in inputs], f=operation.get_attr("function")
    )


def _types(dtypes: list[tf.DType]) -> AttrValue:
    return AttrValue(list=AttrValue.ListValue(type=[dtype.as_datatype_enum for dtype in dtypes]))
