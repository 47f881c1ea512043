"""The fields of files that the project wrote, checked before they are used: a file may be damaged, or changed by hand."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfp_insects.errors import InputError


class Field(NamedTuple):
    """What a value must be.

    Attributes:
        types: A truth value is no number.
        is_possible: Whether a value of these types can be what it stands for.
    """

    types: type | tuple[type, ...]
    is_possible: Callable[[Any], bool] = lambda value: True

    def objection(self, value: Any) -> str | None:
        """What is wrong with a value, as the rest of a sentence; none if nothing is."""
        if not isinstance(value, self.types) or (isinstance(value, bool) and self.types is not bool):
            return "is of another type than expected"
        return None if self.is_possible(value) else "it cannot be"


TEXT, TRUTH, INTEGER, NUMBER = Field(str), Field(bool), Field(int), Field((int, float))
LIST, MAPPING = Field(list), Field(dict)
COUNT = Field(int, lambda value: value > 0)
TEXTS = Field(list, lambda value: all(isinstance(one, str) for one in value))
NAMES = Field(list, lambda value: len(value) > 0 and TEXTS.is_possible(value))
TEXTS_BY_NAME = Field(dict, lambda value: all(isinstance(one, str) for one in value.values()))


def require_fields(
    path: Path,
    content: Mapping[str, Any],
    fields: Mapping[str, Field],
    *,
    may_lack: bool = False,
    advice: str = "remove its directory and run again",
) -> None:
    """Checks the fields of a file.

    Args:
        path: The file, for errors.
        content: What it holds.
        fields: What each field that is checked must be.
        may_lack: Whether fields may be missing.
        advice: What to do about a file that is not as it was written.

    Raises:
        InputError: A field is missing, of another type, or cannot be what it stands for; the message names file and field.
    """
    for name, field in fields.items():
        if name not in content:
            if may_lack:
                continue
            raise InputError(f"{path} has no field {name!r}, which is needed: {advice}")
        objection = field.objection(content[name])
        if objection:
            raise InputError(f"{path}: field {name!r} is {json.dumps(content[name])[:60]}, which {objection}: {advice}")
