"""Which layers of a model become Bayesian, and why others stay as they are."""

from collections.abc import Callable, Collection
from typing import NamedTuple, TypeAlias

import tf_keras

from tfp_insects.bayes.divergence import refuse_stock_layers
from tfp_insects.bayes.graph import is_graph
from tfp_insects.bayes.variational_kernel import VariationalKernel

Layer: TypeAlias = tf_keras.layers.Layer
Choice = str | Collection[str] | Callable[[Layer], bool]

CHOICES = ("all", "last")
DROPOUTS = ("keep", "drop")
DROPOUT_LAYERS = (
    tf_keras.layers.Dropout,
    tf_keras.layers.SpatialDropout1D,
    tf_keras.layers.SpatialDropout2D,
    tf_keras.layers.SpatialDropout3D,
    tf_keras.layers.AlphaDropout,
    tf_keras.layers.GaussianDropout,
)
_LEFT_OUT = ("kernel_regularizer", "bias_regularizer")


class LayerConversion(NamedTuple):
    """What becomes of one layer.

    Attributes:
        name: Its name, with those of the nested models that it lies in before it: `base/dense`.
        kind: Its class.
        is_bayesian: Whether it becomes Bayesian.
        note: Why it stays as it is, or what of it is left out; empty if there is nothing to say.
    """

    name: str
    kind: str
    is_bayesian: bool
    note: str


class Entry(NamedTuple):
    """A layer that is no model of layers itself, and its name with those of the models around it."""

    path: str
    layer: Layer


def list_conversion(model: tf_keras.Model, layers: Choice = "all", dropout: str = "keep") -> list[LayerConversion]:
    """Lists what `to_bayesian` makes of the layers of a model, from input to output, without doing it.

    Args:
        model: See `to_bayesian`.
        layers: See `to_bayesian`.
        dropout: See `to_bayesian`.

    Returns:
        All layers with weights, and those of dropout if they are to go.

    Raises:
        ValueError: As `to_bayesian` does.
    """
    check_dropout(dropout)
    entries = list_layers(model)
    chosen = choose(entries, layers)
    return [
        LayerConversion(path, type(layer).__name__, layer in chosen, _note(layer, layer in chosen))
        for path, layer in entries
        if layer.weights or (dropout == "drop" and isinstance(layer, DROPOUT_LAYERS))
    ]


def list_layers(model: tf_keras.Model, prefix: str = "") -> list[Entry]:
    """All layers of a model and of the models nested in it, from input to output, each of them once."""
    entries: dict[int, Entry] = {}
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        for entry in list_layers(layer, f"{path}/") if is_graph(layer) else [Entry(path, layer)]:
            entries.setdefault(id(entry.layer), entry)
    return list(entries.values())


def choose(entries: Collection[Entry], layers: Choice) -> list[Layer]:
    """The layers that become Bayesian, from input to output.

    Raises:
        ValueError: There is none; a name is unknown, or is that of a layer that cannot become Bayesian.
    """
    for entry in entries:
        refuse_stock_layers(entry.layer)
    able = [entry for entry in entries if not reason_to_stay(entry.layer)]
    if callable(layers):
        chosen = [entry.layer for entry in able if layers(entry.layer)]
    elif isinstance(layers, str):
        if layers not in CHOICES:
            raise ValueError(f"layers: expected {', '.join(CHOICES)}, a list of names or a function; got {layers!r}")
        trained = [entry.layer for entry in able if entry.layer.trainable]
        chosen = trained if layers == "all" else trained[-1:]
    else:
        names = set(layers)
        _check_names(names, entries)
        chosen = [entry.layer for entry in able if names & {entry.path, entry.layer.name}]
    if not chosen:
        raise ValueError(f"layers: {layers!r} leaves no layer to make Bayesian; {_reasons(entries)}")
    return chosen


def _check_names(names: set[str], entries: Collection[Entry]) -> None:
    able = [entry.path for entry in entries if not reason_to_stay(entry.layer)]
    for name in sorted(names):
        found = [entry for entry in entries if name in (entry.path, entry.layer.name)]
        if not found:
            raise ValueError(f"layers: there is no layer {name!r}; expected some of {', '.join(able)}")
        reasons = [reason_to_stay(entry.layer) for entry in found]
        if all(reasons):
            raise ValueError(
                f"layers: {name!r} cannot become Bayesian: {reasons[0]}; expected some of {', '.join(able)}"
            )


def _reasons(entries: Collection[Entry]) -> str:
    found = [f"{path}: {_note(layer, False)}" for path, layer in entries if layer.weights]
    return "; ".join(found) if found else "no layer has weights"


def _note(layer: Layer, is_chosen: bool) -> str:
    if is_chosen:
        left_out = [name for name in _LEFT_OUT if getattr(layer, name, None) is not None]
        return f"{' and '.join(left_out)} left out: the prior takes its place" if left_out else ""
    if isinstance(layer, DROPOUT_LAYERS):
        return "left out"
    if reason := reason_to_stay(layer):
        return reason
    return "not chosen" if layer.trainable else "frozen (trainable=False)"


def reason_to_stay(layer: Layer) -> str:
    """Why a layer cannot become Bayesian; empty if it can."""
    kind = type(layer)
    if isinstance(layer, VariationalKernel):
        return "Bayesian already"
    if kind not in (tf_keras.layers.Dense, tf_keras.layers.Conv2D):  # A subclass may do anything.
        return f"{kind.__name__} has no Bayesian counterpart"
    if any(getattr(layer, name) is not None for name in ("kernel_constraint", "bias_constraint")):
        return "draws of the weights would not keep its constraint"
    if isinstance(layer.activation, tf_keras.layers.Layer):
        return "its activation is a layer of its own"
    if kind is tf_keras.layers.Dense:
        return ""
    if layer.groups != 1:
        return f"a convolution in groups ({layer.groups}) has no Bayesian counterpart"
    if layer.data_format != "channels_last":
        return f"a convolution of {layer.data_format} has no Bayesian counterpart"
    return ""


def check_dropout(dropout: str) -> None:
    """Refuses what is not `keep` or `drop`."""
    if dropout not in DROPOUTS:
        raise ValueError(f"dropout: expected {' or '.join(DROPOUTS)}, got {dropout!r}")
