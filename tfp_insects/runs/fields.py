"""The fields of a run's files, checked before they are used: a file may be damaged, or changed by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfp_insects.errors import InputError

Kind = type | tuple[type, ...]
# Numbers of these names count something that there must be.
COUNTS = frozenset(("n_per_class", "batch_size", "num_train_examples", "num_test_examples", "num_samples", "num_draws"))


def require_fields(
    path: Path, content: Mapping[str, Any], kinds: Mapping[str, Kind], *, may_lack: bool = False
) -> None:
    """Checks the fields of one of a run's files.

    Args:
        path: The file, for errors.
        content: What it holds.
        kinds: The type of each field that is checked; a truth value is no number.
        may_lack: Whether fields may be missing.

    Raises:
        InputError: A field is missing, of another type, or cannot be what it stands for; the message names file and field.
    """
    for name, kind in kinds.items():
        if name not in content:
            if may_lack:
                continue
            raise InputError(
                f"{path} has no field {name!r}, which the report needs: remove its directory and run again"
            )
        value = content[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(
                f"{path}: field {name!r} is {json.dumps(value)[:60]}, which is of another type than expected: remove its "
                "directory and run again"
            )
        if not _is_possible(name, value):
            raise InputError(
                f"{path}: field {name!r} is {json.dumps(value)[:60]}, which it cannot be: remove its directory and run again"
            )


def _is_possible(name: str, value: Any) -> bool:
    match name:
        case "class_names":
            return len(value) > 0 and all(isinstance(one, str) for one in value)
        case "preprocessing":
            return _is_count(value.get("image_size")) and all(_is_colour(value.get(part)) for part in ("mean", "std"))
        case "test" | "validation" | "pool":
            return all(isinstance(one, str) for one in value)
        case "images":
            return all(isinstance(one, str) for one in value.values())
        case _:
            return name not in COUNTS or _is_count(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_colour(value: Any) -> bool:
    """Whether it is one number for each channel, or for all."""
    return isinstance(value, list) and len(value) in (1, 3) and all(isinstance(one, int | float) for one in value)
