"""Decoded images, kept in a temporary file so that memory does not grow with their number."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tfp_insects.data.nameless_file import NamelessFile


class ImageStore:
    """Images of any shapes, written once and read in any order.

    Args:
        images: uint8 `[height, width, 3]`, one after the other.
        directory: Where the file is made, see `NamelessFile`; it goes when the store does.

    Raises:
        InputError: The file cannot be made or written.
    """

    def __init__(self, images: Iterable[np.ndarray], directory: Path | None = None) -> None:
        self._file = NamelessFile(directory, "the decoded images")
        self._shapes: list[tuple[int, ...]] = []
        for image in images:
            self._file.write(image)
            self._shapes.append(image.shape)
        self._starts = [0, *itertools.accumulate(math.prod(shape) for shape in self._shapes)]

    def __len__(self) -> int:
        return len(self._shapes)

    def read(self, index: int) -> np.ndarray:
        """Image number `index`, uint8 `[height, width, 3]`; may be called from several threads."""
        content = self._file.read(self._starts[index], self._starts[index + 1])
        return np.frombuffer(content, np.uint8).reshape(self._shapes[index])
