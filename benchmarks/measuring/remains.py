"""What a study left in its work directory: finished records, locks, files, and how two studies differ."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.runs.layout import (
    HISTORY_NAME,
    RECORD_NAME,
    TENSORBOARD_NAME,
    TEST_NAME,
    VALIDATION_NAME,
    WEIGHTS_PATH,
)
from tfp_insects.runs.lock import LOCK_NAME, is_free
from tfp_insects.training.history import read_history

TIME = "seconds"  # In the name of each field that holds a time, in records and histories alike.


def finished_records(workdir: Path) -> dict[str, str]:
    """The text of each record by the name of its run."""
    return {path.parent.name: path.read_text() for path in workdir.glob(f"*/{RECORD_NAME}")}


def lost_records(before: Mapping[str, str], workdir: Path) -> list[str]:
    """Names of runs whose record is not there any more as it was."""
    now = finished_records(workdir)
    return [name for name, text in before.items() if now.get(name) != text]


def blocking_locks(workdir: Path) -> list[str]:
    """Names of runs that cannot be taken up."""
    return [path.parent.name for path in sorted(workdir.rglob(LOCK_NAME)) if not is_free(path.parent)]


def files_below(directory: Path) -> set[str]:
    """All files and directories but TensorBoard's, which begins a file at each start."""
    paths = (path.relative_to(directory) for path in directory.rglob("*"))
    return {str(path) for path in paths if TENSORBOARD_NAME not in path.parts[:-1]}


def differing_files(run: Path, other: Path) -> list[str]:
    """Names of a run's files that hold other figures than those of another run, times aside, or cannot be read."""
    return [name for name, read in READERS.items() if not _is_alike(read, run / name, other / name)]


def _is_alike(read: Any, path: Path, other: Path) -> bool:
    try:
        found = dict(read(path))
    except (OSError, ValueError, InputError):
        return False
    expected = dict(read(other))
    return found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)


def _record(path: Path) -> Iterator[tuple[str, Any]]:
    content: Mapping[str, Any] = json.loads(path.read_text())
    # As text: values that are no numbers, and nested ones, too.
    yield from ((name, json.dumps(value)) for name, value in content.items() if TIME not in name)


def _history(path: Path) -> Iterator[tuple[str, Any]]:
    for row in read_history(path):
        yield str(row.epoch), [value for name, value in vars(row).items() if TIME not in name]


def _arrays(path: Path) -> Iterator[tuple[str, Any]]:
    with np.load(path, allow_pickle=False) as file:
        yield from ((name, file[name]) for name in file)


def _weights(path: Path) -> Iterator[tuple[str, Any]]:
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, part: found.update({name: part[()]} if isinstance(part, h5py.Dataset) else {}))
    yield from found.items()


READERS = {
    RECORD_NAME: _record,
    HISTORY_NAME: _history,
    TEST_NAME: _arrays,
    VALIDATION_NAME: _arrays,
    WEIGHTS_PATH: _weights,
}
