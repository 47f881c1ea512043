"""What is wrong in a reader's own configuration file, in one line that names the file, the line and what to do."""

import linecache
import re
import traceback
from pathlib import Path
from typing import NamedTuple

import ml_collections

from tfp_insects.errors import InputError
from tfp_insects.plain import FieldError
from tfp_insects.runs.renamed import RENAMED

_MAX_WORDS = 200  # letters of another's message that are repeated


class UnknownField(NamedTuple):
    """A field that a configuration does not have.

    Attributes:
        name: Its name.
        hint: A sentence with the name that was meant, or nothing.
    """

    name: str
    hint: str


def unknown_field(error: Exception) -> UnknownField | None:
    """Reads what ml_collections raises for a field that is not there; none for any other error."""
    field = re.search(r"'(\w+)\\?'", str(error))
    if field is None or not isinstance(error, AttributeError | KeyError) or "is locked" in str(error):
        return None
    suggestion = re.search(r'Did you mean "(\w+)"', str(error))
    return UnknownField(field[1], _hint(field[1], suggestion[1] if suggestion else None))


def error_in_file(path: Path, error: Exception) -> InputError:
    """Says where a configuration file failed, and why.

    Args:
        path: The file, as it was run.
        error: What came out of it, with its traceback.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return InputError(f"{_at(path, error.lineno)}: {error.msg}. Mend this line")
    line = own[-1].lineno if own else None
    field = unknown_field(error) if frames[-1].filename.startswith(str(Path(ml_collections.__file__).parent)) else None
    if field is not None:
        return InputError(
            f"{_at(path, line)}: the config has no field {field.name!r}.{field.hint or ' Mend this line'}"
        )
    words = " ".join(str(error).split())[:_MAX_WORDS]
    what = f"{type(error).__name__}{': ' if words else ''}{words}"
    return InputError(f"{_at(path, line)}: {what}. Mend this {'line' if line else 'file'}")


def error_of_field(path: Path, error: FieldError) -> InputError:
    """Says where in a configuration file a field stands that cannot be used.

    Args:
        path: The file.
        error: What is wrong with the field.
    """
    name = error.path.rpartition(".")[2]
    hint = _hint(name, None)
    message = f"{error.path}: the config has no such field.{hint}" if hint else str(error)
    return InputError(f"{line_of(path, name)}: {message}", field=error.fields)


def line_of(path: Path, name: str) -> str:
    """The file, and the line where a name stands first, if any."""
    lines = linecache.getlines(str(path))
    found = (number for number, line in enumerate(lines, 1) if re.search(rf"\b{re.escape(name)}\b", line))
    return _place(path, next(found, None))


def _at(path: Path, line: int | None) -> str:
    """The file, the line's number and what stands there."""
    text = linecache.getline(str(path), line).strip() if line else ""
    return f"{_place(path, line)} ({text[:_MAX_WORDS]})" if text else _place(path, line)


def _place(path: Path, line: int | None) -> str:
    return f"{path}, line {line}" if line else f"{path}"


def _hint(name: str, meant: str | None) -> str:
    if name in RENAMED:
        return f" Its name is {RENAMED[name]!r} now."
    return f" Did you mean {meant!r}?" if meant else ""
