"""Numbered versions of a model, as TensorFlow Serving finds them: a version appears complete or not at all."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tfp_insects.errors import InputError


def versions_in(directory: Path) -> list[int]:
    """Numbers of the versions in a model's directory, ascending."""
    if not directory.is_dir():
        return []
    return sorted(int(child.name) for child in directory.iterdir() if child.is_dir() and child.name.isdecimal())


def write_version(directory: Path, write: Callable[[Path], None]) -> Path:
    """Makes the next version.

    Args:
        directory: The model's directory; it is made.
        write: Fills the directory that it is given. Servers see it only when it is complete.

    Returns:
        `<directory>/<version>`.

    Raises:
        InputError: The directory cannot be written.
    """
    partial = _partial_directory(directory)
    try:
        write(partial)
        partial.chmod(0o755)  # A server may run as another user.
        return _rename_to_next(partial, directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial_directory(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=directory))
    except OSError as error:
        raise InputError(
            f"output={directory}: cannot be written ({error.strerror}); give another one", field="output"
        ) from error


def _rename_to_next(partial: Path, directory: Path) -> Path:
    while True:
        version = directory / str(max(versions_in(directory), default=0) + 1)
        try:
            return partial.rename(version)
        except OSError:
            if not version.exists():
                raise
            # Another export took this number in the meantime.
