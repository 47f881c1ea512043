"""Finds the named tensors among all that a training script saved beside them.

Scripts save the tensors alone, or under a key of a dict with epoch and optimiser, or the whole model; and what wraps a
model while it is trained leaves its name before those of the tensors.
"""

from collections.abc import Mapping
from typing import Any

from tfp_insects.models.torch_files.pickles import Inert
from tfp_insects.models.torch_files.stored_tensors import StoredTensor

# Keys under which scripts save a model, the surest first.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module")
# DataParallel and torch.compile put theirs anywhere; attributes that hold a script's or Lightning's model come first.
_WRAPPED_ANYWHERE = ("module", "_orig_mod")
_WRAPPED_FIRST = ("model", "net", "network", "backbone")
MAX_DEPTH = 20  # modules in each other
MAX_LISTED = 12


def find_state_dict(value: Any) -> dict[str, StoredTensor]:
    """Returns the tensors of a checkpoint by name, without the names of wrappers.

    Args:
        value: What the file's pickle holds.

    Raises:
        ValueError: There are none, or it is not clear which are the model's; the message names the keys.
    """
    tensors = _unwrapped(value, set(), MAX_DEPTH)
    if not tensors:
        raise ValueError(_describe(value))
    return _without_wrappers(tensors)


def _unwrapped(value: Any, seen: set[int], depth: int) -> dict[str, StoredTensor]:
    """Looks under the known keys first: beside them there may be tensors that are no weights, such as an accuracy.

    A hostile file's dicts may be in each other; each is looked at once.
    """
    if not isinstance(value, dict | Inert) or id(value) in seen or depth == 0:
        return {}
    seen.add(id(value))
    entries = value.items if isinstance(value, Inert) else value
    for key in WRAPPERS:
        tensors = _unwrapped(entries.get(key), seen, depth - 1)
        if tensors:
            return tensors
    if isinstance(value, Inert):
        entries = entries or _module_tensors(value, "", seen, depth)
    return {name: item for name, item in entries.items() if type(name) is str and isinstance(item, StoredTensor)}


def _module_tensors(module: Inert, prefix: str, seen: set[int], depth: int) -> dict[str | int, Any]:
    """The parameters and buffers of a saved `torch.nn.Module` by their names, as its own `state_dict` gives them."""
    state = _dict(module.state)
    named = {**_dict(state.get("_parameters")), **_dict(state.get("_buffers"))}
    tensors: dict[str | int, Any] = {f"{prefix}{name}": tensor for name, tensor in named.items()}
    for name, child in _dict(state.get("_modules")).items():
        if isinstance(child, Inert) and id(child) not in seen and depth > 0:
            seen.add(id(child))
            tensors |= _module_tensors(child, f"{prefix}{name}.", seen, depth - 1)
    return tensors


def _dict(value: Any) -> Mapping[str | int, Any]:
    return value if isinstance(value, dict) else {}


def _without_wrappers(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Takes wrappers out of names; tensors outside the model, such as a loss's class weights, are left out with them."""
    if len({_without_parts(name) for name in tensors}) < len(tensors):  # Without wrappers two names are one.
        return dict(tensors)
    for wrapper in _WRAPPED_ANYWHERE:  # What is beside a whole model is of its wrapper, as AveragedModel's n_averaged.
        wrapped = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{wrapper}.")}
        tensors = wrapped or tensors
    named = {_without_parts(name): tensor for name, tensor in tensors.items()}
    while True:
        first = {name.partition(".")[0] for name in named if "." in name} & set(_WRAPPED_FIRST)
        if len(first) != 1:
            return named
        prefix = f"{first.pop()}."
        named = {name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)}


def _without_parts(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPED_ANYWHERE)


def _describe(value: Any) -> str:
    if isinstance(value, Inert):
        return f"it holds no tensors but an object of {_shown(value.name)}; save its state_dict() instead"
    if not isinstance(value, dict):
        return f"it holds no state_dict but a {type(value).__name__}"
    if not value:
        return "it holds no state_dict but a dict without tensors"
    keys = [f"{_shown(str(key))} ({_kind(item)})" for key, item in list(value.items())[:MAX_LISTED]]
    more = f" and {len(value) - MAX_LISTED} more" if len(value) > MAX_LISTED else ""
    seen: set[int] = set()
    named = [_shown(str(key)) for key, item in value.items() if _unwrapped(item, seen, MAX_DEPTH)]
    advice = (
        f"Tensors are under {', '.join(named[:MAX_LISTED])}: save that entry of the checkpoint alone"
        if named
        else "Save model.state_dict() alone, or under the key state_dict"
    )
    return f"none of its keys {', '.join(keys)}{more} is known to hold a model's tensors. {advice}"


def _kind(item: Any) -> str:
    return _shown(item.name.replace(" ", ".")) if isinstance(item, Inert) else type(item).__name__


def _shown(name: str) -> str:
    return ascii(name[:100])[1:-1]
