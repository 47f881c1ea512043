"""Files that appear whole or not at all."""

import contextlib
import errno
import json
import math
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.own_output import mark_own_output

PARTIAL = ".partial-"  # How the name of a file begins that is being written.
# What a system says where it does not let a file be written: no room, no right, no such place, a broken disk.
CANNOT_WRITE = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE),
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE),
    )
)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`, which takes its place when the block ends without an error.

    It has the suffix of `path`, by which some writers choose the format, and the process in its name. What a process that was
    killed left of the same file is removed.

    Raises:
        InputError: The system cannot write: the disk is full, say, or the directory is gone. What was there before stays.
    """
    temporary = path.with_name(f"{partial_prefix()}{os.getpid()}-{path.name}")
    try:
        with told_if_not_written(path):
            _remove_what_killed_processes_left(path)
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def partial_prefix() -> str:
    """How the name of a file begins that a process of this machine is writing; its number follows."""
    return f"{PARTIAL}{socket.gethostname()}-"


def _remove_what_killed_processes_left(path: Path) -> None:
    """Removes files that other processes of this machine were writing in place of `path` when they ended."""
    for name in os.listdir(path.parent):
        number, _, rest = name.removeprefix(partial_prefix()).partition("-")
        if rest == path.name and number.isdecimal() and not _is_alive(int(number)):
            path.with_name(name).unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # It is another user's.
        return True
    return True


@contextlib.contextmanager
def told_if_not_written(path: Path) -> Iterator[None]:
    """Turns what the system says of a file or directory that the block writes into an `InputError` that names it.

    Errors that are not the system's, such as a server's, pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        named = Path(error.filename) if isinstance(error.filename, str | os.PathLike) else path
        other = "" if path.parent in (named, named.parent) else named
        # Libraries put a page of detail into their message, and the system's number beside it.
        raise not_written(path, f"{os.strerror(error.errno)}{': ' if other else ''}{other}") from error


def not_written(path: Path, reason: str) -> InputError:
    """The error for a file that the system did not let be written."""
    return InputError(f"{path} was not written ({reason}): mend that and give the same command again")


def remove_partial_files(directory: Path) -> None:
    """Removes what processes that were killed left of files they were writing, in a directory that nobody else writes."""
    for path in sorted(directory.rglob(f"{PARTIAL}*"), reverse=True):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes plain values as JSON; numbers that are not finite are an error, since JSON has none."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object; `InputError` names a file that is cut off, no JSON, or has what `write_json` does not write.

    That is: numbers that are not finite or take more than 64 bits, half characters (lone surrogates, but for those that stand
    for bytes of file names), and sections in each other without end.
    """
    try:
        value = json.loads(path.read_text(), parse_constant=_finite, parse_float=_finite, parse_int=_small)
        # Bytes of a file name that no text stands for come as surrogates of their own, which are no error.
        json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): remove it and run again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object: remove it and run again")
    return value


def _finite(text: str) -> float:
    value = float(text.replace("Infinity", "inf"))
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not finite")
    return value


def _small(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"{text[:20]}... is too large")
    return int(text)


def write_arrays(path: Path, **arrays: Any) -> None:
    """Writes arrays as a compressed `.npz`."""
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_arrays(path: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Reads arrays of an `.npz` by name, and of the optional ones those that are there.

    `InputError` names a file that is cut off or lacks one of the others.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in (*names, *(name for name in optional if name in file))}
    except Exception as error:  # A zip that is cut off raises whatever its broken place leads to.
        raise InputError(f"{path} cannot be read ({error}): remove its directory and run again") from error


def require_writable(directory: Path) -> None:
    """Makes a directory and checks that files can be written there.

    Raises:
        InputError: They cannot.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        mark_own_output(directory)
        with tempfile.TemporaryFile(dir=directory):  # A name of its own: several commands may share the directory.
            pass
    except OSError as error:
        raise InputError(
            f"workdir={directory}: cannot be written ({error.strerror}); give another directory",
            field="workdir",
        ) from error
