"""A folder on disk, listed folder by folder, in the same way for training and for prediction."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tfp_insects.data.readers.names import is_visible
from tfp_insects.errors import InputError
from tfp_insects.own_output import holds_own_output, is_own_output

MAX_DEPTH = 32  # folders in each other


class Listing(NamedTuple):
    """A folder: its path relative to the first one, with slashes ('' for itself), and the names of what is to be seen."""

    path: str
    folders: list[str]
    files: list[str]

    def paths_of(self, names: list[str]) -> list[str]:
        """Relative paths of some of its names."""
        return [f"{self.path}/{name}" if self.path else name for name in names]


def walk(root: Path) -> Iterator[Listing]:
    """Lists a folder and all folders in it, each before those in it, in the order of their names.

    Links are followed, but not back into a folder that they are in. Hidden files and folders are left out, and so are those
    that a system left behind, and what this program wrote: runs, reports, caches, exported models.

    Raises:
        InputError: A folder cannot be read.
    """
    yield from _walk(root, "", ())


def _walk(root: Path, path: str, above: tuple[tuple[int, int], ...]) -> Iterator[Listing]:
    folders, files = _entries(root / path)
    seen = (*above, _identity(root / path))
    if len(above) >= MAX_DEPTH:
        folders = []
    kept = [name for name in folders if is_visible(name) and _is_data(root / path / name, seen)]
    listing = Listing(path, kept, [name for name in files if is_visible(name)])
    yield listing
    for folder in listing.paths_of(kept):
        yield from _walk(root, folder, seen)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Names of folders (also linked ones) and of files in a folder, sorted."""
    try:
        with os.scandir(folder) as entries:
            kinds = sorted((entry.name, _is_folder(entry)) for entry in entries)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    return [name for name, is_folder in kinds if is_folder], [name for name, is_folder in kinds if not is_folder]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_data(folder: Path, above: tuple[tuple[int, int], ...]) -> bool:
    """Whether a folder is none of those above it, and not written by this program."""
    if _identity(folder) in above:
        return False
    folders, files = _entries(folder)
    if is_own_output(files):
        return False
    return not holds_own_output([(name, _entries(folder / name)[1]) for name in folders if is_visible(name)])
