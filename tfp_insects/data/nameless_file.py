"""A temporary file for what would take too much memory."""

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfp_insects.errors import InputError


class NamelessFile:
    """Arrays, written one after the other.

    The file has no name, so it cannot be left behind; it goes when this object does. What was read lately, the operating
    system keeps in memory that is free.

    Args:
        directory: Where the file is made; none means the system's directory for temporary files.
        content: What is kept, for errors: "the decoded images".

    Raises:
        InputError: The file cannot be made.
    """

    def __init__(self, directory: Path | None, content: str) -> None:
        self._directory = directory or tempfile.gettempdir()
        self._content = content
        with self._telling_what_to_do():
            self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115, closed with this object
        weakref.finalize(self, self._file.close)

    def write(self, array: np.ndarray) -> None:
        """Writes an array behind what is there.

        Raises:
            InputError: The disk is full.
        """
        left = memoryview(array.tobytes())
        with self._telling_what_to_do():
            while left:  # On a disk that is nearly full, a file takes what still fits and only then complains.
                left = left[self._file.write(left) :]

    def read(self, start: int, end: int) -> bytes:
        """Reads the bytes from `start` up to `end`; may be called from several threads."""
        return os.pread(self._file.fileno(), end - start, start)

    def as_array(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The whole content as one array that is read from the file, and outlives this object."""
        return np.memmap(self._file, dtype, "r", shape=shape)

    @contextlib.contextmanager
    def _telling_what_to_do(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self._directory}: cannot keep {self._content} here ({error}). Free some space, or make the directory "
                "writable, or name another one."
            ) from error
