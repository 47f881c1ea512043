"""What the Flipout layers accept: each refusal names the layer and the argument."""

import inspect
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import tf_keras

# What every Keras layer takes beside its own arguments.
COMMON = frozenset(
    ["autocast", "batch_input_shape", "batch_size", "dtype", "dynamic", "input_dim", "input_shape", "name", "weights"]
)
POSTERIOR = "posterior, prior and divergence of the kernel come from `variational`"
BIAS = "the bias is a point estimate, and `use_bias` says whether there is one"
REASONS = {
    **dict.fromkeys(
        ("kernel_posterior_fn", "kernel_posterior_tensor_fn", "kernel_prior_fn", "kernel_divergence_fn"), POSTERIOR
    ),
    **dict.fromkeys(("bias_posterior_fn", "bias_posterior_tensor_fn", "bias_prior_fn", "bias_divergence_fn"), BIAS),
    "kernel_regularizer": "the prior takes its place; it comes from `variational`",
    "groups": "there is no Flipout layer of grouped convolutions",
}


def label(kind: type, name: str | None) -> str:
    """How errors call a layer, which need not have been made yet."""
    return f"{kind.__name__} {name!r}" if name else kind.__name__


def label_of(layer: tf_keras.layers.Layer) -> str:
    """How errors call a layer."""
    return label(type(layer), layer.name)


def refuse_unsupported(kind: type, arguments: Mapping[str, Any]) -> str:
    """Checks the arguments that are not the layer's own.

    Args:
        kind: The layer's class.
        arguments: Those that a layer of this class was given beside its own.

    Returns:
        How errors call the layer.

    Raises:
        TypeError: An argument that not every Keras layer takes.
    """
    layer = label(kind, arguments.get("name"))
    for argument in arguments.keys() - COMMON:
        own = inspect.signature(kind).parameters.keys() - {"kwargs"}
        reason = REASONS.get(argument, f"expected one of {', '.join(sorted(own | COMMON))}")
        raise TypeError(f"{layer}: the argument {argument} is not supported: {reason}")
    return layer


def positive_integer(layer: str, argument: str, value: Any) -> int:
    """Reads a positive integer; anything else is a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{layer}: {argument}: expected a positive integer; got {value!r}")
    return number


def positive_pair(layer: str, argument: str, value: Any) -> tuple[int, int]:
    """Reads two positive integers, or one that stands for both; anything else is a ValueError."""
    values = tuple(value) if isinstance(value, Iterable) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{layer}: {argument}: expected a positive integer or two of them; got {value!r}")
    return positive_integer(layer, argument, values[0]), positive_integer(layer, argument, values[1])
