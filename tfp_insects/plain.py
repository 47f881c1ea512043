"""Frozen dataclasses from plain values and back: how a configuration is read, once, where it comes in."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from tfp_insects.errors import InputError

Kind = TypeVar("Kind")
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class FieldError(InputError):
    """A field that is unknown, missing or of another type.

    Attributes:
        path: The field's sections and name: `model.width_multiplier`.
    """

    def __init__(self, path: str, message: str) -> None:
        """Makes an error about the field of that path."""
        super().__init__(message)
        self.path = path


def from_plain(kind: type[Kind], plain: Any, name: str = "") -> Kind:
    """Makes a dataclass, and those within it, from plain values.

    Args:
        kind: The dataclass. Its fields are numbers, texts, truth values, or dataclasses again.
        plain: A mapping with a value for each field that has no default.
        name: Of the section, for errors: `model`.

    Raises:
        FieldError: A field is unknown, missing or of another type; the message names it, and what it may have meant.
    """
    if not isinstance(plain, Mapping):
        raise FieldError(name, f"{name}={plain!r}: expected a section with fields")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    for given in plain:
        if given not in fields:
            raise _unknown(_joined(name, given), given, list(fields))
    values = {}
    for field in fields.values():
        if field.name in plain:
            values[field.name] = _value(hints[field.name], plain[field.name], _joined(name, field.name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FieldError(_joined(name, field.name), f"{_joined(name, field.name)} is missing")
    return kind(**values)


def to_plain(value: Any) -> Any:
    """Plain values of what `from_plain` made."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return {key: to_plain(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def _value(kind: Any, value: Any, name: str) -> Any:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        if value is None:
            return None
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if dataclasses.is_dataclass(kind):
        return from_plain(kind, value, name)  # type: ignore[arg-type]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise FieldError(name, f"{name}={value!r}: expected {_WORDS.get(kind, kind.__name__)}")
    return value


def _unknown(path: str, given: str, known: list[str]) -> FieldError:
    meant = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean {meant[0]!r}?" if meant else f"expected one of {', '.join(known)}"
    return FieldError(path, f"{path}: the configuration has no such field; {hint}")


def _joined(section: str, field: str) -> str:
    return f"{section}.{field}" if section else field
