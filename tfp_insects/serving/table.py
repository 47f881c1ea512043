"""A CSV that grows by whole rows, so that a killed program goes on where it was."""

import contextlib
import csv
import fcntl
import hashlib
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import read_json, told_if_not_written, write_json
from tfp_insects.serving.answers import COLUMNS, OLD_COLUMNS, Answer

NAMES_AT_ONCE = 4096
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # Names of files need not be UTF-8.


class WrittenNames:
    """Names of images that a table has; of each, eight bytes are kept.

    Two of a million names are taken for one with a chance of 1 to 37 millions.

    Args:
        names: The names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._keys = np.unique(np.fromiter(map(_key, names), np.uint64))

    @property
    def count(self) -> int:
        """How many different names there are."""
        return len(self._keys)

    def among(self, names: Iterable[str]) -> Iterator[bool]:
        """Says of each name whether it is one of them."""
        names = iter(names)
        while keys := list(map(_key, itertools.islice(names, NAMES_AT_ONCE))):
            yield from np.isin(np.array(keys, np.uint64), self._keys, kind="sort").tolist()


def _key(name: str) -> int:
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class PredictionTable:
    """Rows of images, in the order in which they were answered.

    Args:
        path: The CSV.
        file: The same, open for reading and writing; it holds the header and whole rows.
        num_rows: Rows below the header.
        columns: Of the header.
    """

    def __init__(self, path: Path, file: BinaryIO, num_rows: int, columns: Sequence[str] = COLUMNS) -> None:
        self.path = path
        self.num_rows = num_rows
        self._file = file
        self._columns = columns

    def written(self) -> "WrittenNames":
        """The names of the rows that are there."""
        return WrittenNames(path for path, _ in self.rows())

    def append(self, names: Sequence[str], answers: Sequence[Answer]) -> None:
        """Writes rows so that they survive the end of the process and of the machine."""
        rows = zip(names, answers, strict=True)
        _append(self._file, [answer.to_row(name, self._columns) for name, answer in rows])
        self.num_rows += len(names)

    def rows(self) -> Iterator[tuple[str, Answer]]:
        """Reads path and answer of each row."""
        with self.path.open("rb") as file:
            rows = _whole_rows(file, self.path)
            columns, _ = next(rows)
            for number, (row, _) in enumerate(rows, start=1):
                try:
                    answer = Answer.from_row(row, columns)
                except (ValueError, KeyError) as error:
                    raise _damaged(self.path, number) from error
                yield row[0], answer


@contextlib.contextmanager
def open_table(path: Path, origin: Mapping[str, Any]) -> Iterator[PredictionTable]:
    """Makes a table, or opens an unfinished one and removes what is behind its last whole row.

    `<path>.json` says what the table is made from. One process at a time may have the table open.

    Args:
        path: The CSV.
        origin: Plain values that tell model and images; they must be those the table was begun with.

    Raises:
        InputError: The file is of another model or other images, damaged, or another process is writing it; or the system
            does not let it be written.
    """
    claim(path, origin)
    with told_if_not_written(path), path.open("r+b" if path.exists() else "x+b") as file:
        _lock(file, path)
        columns, num_rows, end = _measure(file, path)
        file.truncate(end)
        if end == 0:
            _append(file, [list(columns)])
        yield PredictionTable(path, file, num_rows, columns)


def claim(path: Path, origin: Mapping[str, Any]) -> None:
    """Notes beside a table that is new what it is made from, or checks the note of one that is there.

    Args:
        path: The table: a file, or a directory of shards.
        origin: Plain values that tell model and images.

    Raises:
        InputError: It was made from something else, or cannot be written.
    """
    note = path.with_name(f"{path.name}.json")
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(note, origin)
        except OSError as error:
            raise InputError(
                f"output={path}: cannot be written ({error.strerror}); give another one", field="output"
            ) from error
        return
    if not note.exists():
        raise InputError(
            f"output={path} exists and is no table of this program (no {note.name}): give another output",
            field="output",
        )
    before = read_json(note)
    for name, value in origin.items():
        if before.get(name) != value:
            raise InputError(
                f"output={path} was begun with {name} {before.get(name)!r}; now it is {value!r}. Give another output, or "
                "remove the file to start anew",
                field="output",
            )


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(f"output={path}: another process is writing this file", field="output") from error


def _append(file: BinaryIO, rows: Iterable[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    file.seek(0, os.SEEK_END)
    file.write(text.getvalue().encode(**ENCODING))
    file.flush()
    os.fsync(file.fileno())


class _Lines:
    """Lines of a file as text, and how far they were read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.end = 0
        self.is_whole = True

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.end += len(line)
            self.is_whole = line.endswith(b"\n")
            yield line.decode(**ENCODING)


def _whole_rows(file: BinaryIO, path: Path) -> Iterator[tuple[list[str], int]]:
    """Yields each row with the place where it ends; stops before a last row that is cut off."""
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    number, width = 0, 0
    while True:
        try:
            row = next(reader)
            is_cut_off = not lines.is_whole
        except StopIteration:
            return
        except csv.Error:  # Among others, the file ends within quotes.
            row, is_cut_off = [], True
        if is_cut_off and not file.read(1):
            return
        if number == 0:
            width = len(row) if tuple(row) in (COLUMNS, *OLD_COLUMNS) else 0
        if is_cut_off or not row or len(row) != width:
            raise _damaged(path, number)
        yield row, lines.end
        number += 1


def _measure(file: BinaryIO, path: Path) -> tuple[Sequence[str], int, int]:
    """Columns of a table, number of rows below its header, and where the last of them ends; a new one has all columns."""
    columns: Sequence[str] = COLUMNS
    number = end = 0
    for number, (row, end) in enumerate(_whole_rows(file, path)):  # noqa: B007
        columns = row if number == 0 else columns
    return columns, number, end


def _damaged(path: Path, number: int) -> InputError:
    return InputError(f"{path}: row {number} is damaged; mend it, or remove the file to start anew")
