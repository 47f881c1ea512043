"""Decoded images, kept in a temporary file so that memory does not grow with their number."""

import contextlib
import itertools
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from tfp_insects.errors import InputError


class ImageStore:
    """Images of any shapes, written once and read in any order.

    The file has no name, so it cannot be left behind; it goes when the store does. What was read lately, the operating
    system keeps in memory that is free.

    Args:
        images: uint8 `[height, width, 3]`, one after the other.
        directory: Where the file is made; none means the system's directory for temporary files.

    Raises:
        InputError: The file cannot be made or written.
    """

    def __init__(self, images: Iterable[np.ndarray], directory: Path | None = None) -> None:
        with _writing(directory):
            self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115, closed with the store
        weakref.finalize(self, self._file.close)
        self._shapes: list[tuple[int, ...]] = []
        for image in images:
            with _writing(directory):
                _write_all(self._file, image)
            self._shapes.append(image.shape)
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._starts = [0, *itertools.accumulate(sizes)]

    def __len__(self) -> int:
        return len(self._shapes)

    def read(self, index: int) -> np.ndarray:
        """Image number `index`, uint8 `[height, width, 3]`; may be called from several threads."""
        start, end = self._starts[index], self._starts[index + 1]
        content = os.pread(self._file.fileno(), end - start, start)
        return np.frombuffer(content, np.uint8).reshape(self._shapes[index])


def _write_all(file: IO[bytes], image: np.ndarray) -> None:
    left = memoryview(image.tobytes())
    while left:  # On a disk that is nearly full, a file takes what still fits and only then complains.
        left = left[file.write(left) :]


@contextlib.contextmanager
def _writing(directory: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{directory or tempfile.gettempdir()}: cannot keep the decoded images here ({error}). Free some space, or make "
            "the directory writable, or name another one."
        ) from error
