"""A table of predictions in shards: Parquet files in one directory, each of which appears whole or not at all.

The library that writes them comes with the extra `scale`, and is imported inside functions alone.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfp_insects.data.readers.names import as_text
from tfp_insects.errors import InputError
from tfp_insects.files import remove_partial_files, told_if_not_written, written_whole
from tfp_insects.runs.lock import locked
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.table import WrittenNames, claim

SHARD_NAME = re.compile(r"part-(\d{6,})\.parquet")
COMMAND_NAME = ".command"  # Holds the mark of the command that writes now, or that wrote last.
TRIES_NAME = ".tries-"  # And the number of a shard: a byte for each time that it was begun.
MAX_TRIES = 5
ROWS_AT_ONCE = 4096
_ESCAPE = re.compile(r"\\udc([89a-f][0-9a-f])")


class Shards:
    """The shards of a directory.

    Args:
        directory: Where they are.
        mark: Of the command that may add some; empty to read alone.
    """

    def __init__(self, directory: Path, mark: str = "") -> None:
        self.directory = directory
        self.mark = mark

    @property
    def paths(self) -> list[Path]:
        """All shards in the order of their numbers."""
        found = [(_number(path), path) for path in self.directory.iterdir() if SHARD_NAME.fullmatch(path.name)]
        return [path for _, path in sorted(found)]

    @property
    def next_number(self) -> int:
        """The number of the next shard."""
        return max(map(_number, self.paths), default=-1) + 1

    def rows(self) -> Iterator[tuple[str, Answer]]:
        """Reads path and answer of each row."""
        for path in self.paths:
            yield from read_rows(path)

    def written(self) -> tuple[WrittenNames, int]:
        """The names of the rows that are there, and their number."""
        count = 0

        def names() -> Iterator[str]:
            nonlocal count
            for path in self.paths:
                for name in read_names(path):
                    count += 1
                    yield name

        return WrittenNames(names()), count

    def begin(self, number: int, names: Sequence[str]) -> None:
        """Notes that a shard is begun. Where each worker dies of one, that must not go on for ever.

        Raises:
            InputError: It was begun too often.
        """
        with told_if_not_written(self._tries(number)), self._tries(number).open("ab") as file:
            file.write(b".")
            tries = file.tell()
        if tries > MAX_TRIES:
            raise InputError(
                f"{MAX_TRIES} workers died while they answered the {len(names):,} images from {as_text(names[0])} to "
                f"{as_text(names[-1])}. If memory ran out, give fewer workers or a smaller batch; if one of the images is to "
                "blame, take it away. The same command goes on"
            )

    def _tries(self, number: int) -> Path:
        return self.directory / f"{TRIES_NAME}{number:06d}"

    def write(self, number: int, names: Sequence[str], answers: Sequence[Answer]) -> None:
        """Writes a shard, or writes it again, if the command that asked for it is still the one that writes here.

        Raises:
            InputError: Another command has taken its place, or the file cannot be written.
        """
        from pyarrow import parquet

        path = self.directory / f"part-{number:06d}.parquet"
        with written_whole(path) as temporary:
            with temporary.open("wb") as file:
                parquet.write_table(_table(names, answers), file)
                file.flush()
                os.fsync(file.fileno())
            if _mark_in(self.directory) != self.mark:
                raise InputError(f"output={self.directory}: another command writes here now", field="output")
        self._tries(number).unlink(missing_ok=True)


@contextlib.contextmanager
def open_shards(directory: Path, origin: Mapping[str, Any]) -> Iterator[Shards]:
    """Makes a directory of shards, or opens an unfinished one; one command at a time may have it open.

    Args:
        directory: Where they go. `<directory>.json` says what they are made from.
        origin: Plain values that tell model and images; they must be those that the directory was begun with.

    Raises:
        InputError: The directory is of another model or other images, or in use; or the system does not let it be written.
    """
    claim(directory, origin)
    with locked(directory):
        mark = uuid.uuid4().hex
        with written_whole(directory / COMMAND_NAME) as temporary:
            temporary.write_text(mark)
        _tidy_up(directory)
        yield Shards(directory, mark)
        _tidy_up(directory)


def _tidy_up(directory: Path) -> None:
    """Removes what is left of workers that died."""
    remove_partial_files(directory)
    for path in directory.glob(f"{TRIES_NAME}*"):
        path.unlink(missing_ok=True)


def read_names(path: Path) -> Iterator[str]:
    """The names of a shard's images."""
    for batch in _batches(path, ["path"]):
        yield from map(name_of, batch["path"].to_pylist())


def read_rows(path: Path) -> Iterator[tuple[str, Answer]]:
    """Name and answer of each image of a shard."""
    for batch in _batches(path, None):
        for row in batch.to_pylist():
            yield name_of(row["path"]), _answer(row)


def storable(name: str) -> str:
    r"""A name as text that anything reads: bytes that are no UTF-8 are escapes, `\udcff`."""
    return name.encode("utf-8", errors="backslashreplace").decode("utf-8")


def name_of(stored: str) -> str:
    """The name that `storable` made this of."""
    return _ESCAPE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), stored)


def _number(path: Path) -> int:
    found = SHARD_NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1])


def _mark_in(directory: Path) -> str:
    try:
        return (directory / COMMAND_NAME).read_text()
    except OSError:
        return ""


def _batches(path: Path, columns: list[str] | None) -> Iterator[Any]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield from file.iter_batches(ROWS_AT_ONCE, columns=columns)
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is damaged ({reason}): remove it, and its images are answered again") from error


def _table(names: Sequence[str], answers: Sequence[Answer]) -> Any:
    import pyarrow

    text, number, truth = pyarrow.string(), pyarrow.float64(), pyarrow.bool_()
    kinds = {
        "path": text,
        "class": text,
        **dict.fromkeys(("probability", "entropy", "aleatoric", "epistemic"), number),
        **dict.fromkeys(("accepted", "unknown"), truth),
        "prediction_set": pyarrow.list_(text),
        "error": text,
    }
    rows = [_row(name, answer) for name, answer in zip(names, answers, strict=True)]
    columns = [pyarrow.array([row.get(column) for row in rows], kind) for column, kind in kinds.items()]
    return pyarrow.table(columns, names=list(kinds))


def _row(name: str, answer: Answer) -> dict[str, Any]:
    """Values by column; what is missing is not known, or is not said of an image that cannot be read."""
    if answer.error:
        return {"path": storable(name), "error": storable(answer.error)}
    classes = answer.prediction_set
    return {
        "path": storable(name),
        "class": answer.predicted_class,
        "probability": answer.probability,
        "entropy": answer.entropy,
        "aleatoric": answer.aleatoric,
        "epistemic": answer.epistemic,
        "accepted": answer.accepted,
        "unknown": answer.unknown,
        "prediction_set": None if classes is None else list(classes),
    }


def _answer(row: Mapping[str, Any]) -> Answer:
    if row["error"] is not None:
        return Answer(error=row["error"])
    classes = row["prediction_set"]
    return Answer(
        row["class"],
        row["probability"],
        row["entropy"],
        row["aleatoric"],
        row["epistemic"],
        row["accepted"],
        row["unknown"],
        prediction_set=None if classes is None else tuple(classes),
    )
