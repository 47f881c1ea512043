"""Decoded images, kept in a temporary file so that memory does not grow with their number."""

import itertools
import os
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import numpy as np


class ImageStore:
    """Images of any shapes, written once and read in any order.

    The file has no name, so it cannot be left behind; it goes when the store does. What was read lately, the operating
    system keeps in memory that is free.

    Args:
        images: uint8 `[height, width, 3]`, one after the other.
        directory: Where the file is made; none means the system's directory for temporary files.
    """

    def __init__(self, images: Iterable[np.ndarray], directory: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115, closed with the store
        weakref.finalize(self, self._file.close)
        self._shapes: list[tuple[int, ...]] = []
        for image in images:
            self._file.write(np.ascontiguousarray(image).data)
            self._shapes.append(image.shape)
        self._file.flush()
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._starts = [0, *itertools.accumulate(sizes)]

    def __len__(self) -> int:
        return len(self._shapes)

    def read(self, index: int) -> np.ndarray:
        """Image number `index`, uint8 `[height, width, 3]`; may be called from several threads."""
        start, end = self._starts[index], self._starts[index + 1]
        content = os.pread(self._file.fileno(), end - start, start)
        return np.frombuffer(content, np.uint8).reshape(self._shapes[index])
