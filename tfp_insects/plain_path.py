"""Paths that TensorFlow's own readers and writers can take."""

import os
import re
import weakref
from pathlib import Path

_OPENED = Path("/proc/self/fd")  # Linux: what this process has open, by number.


class PlainPath:
    r"""A directory that is there, by a path without letters that TensorFlow takes for something else.

    TensorFlow looks for checkpoints by a pattern, so that it finds none where the path has a bracket or a backslash, and it
    refuses names of bytes that are no UTF-8. Such a directory is opened, and goes by its number as long as this object lives.

    Attributes:
        path: The path for TensorFlow. Where the system has no such numbers it is the directory's own.

    Args:
        directory: The directory.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory
        if re.search(r"[\[\]*?\\\udc80-\udcff]", str(directory)) and _OPENED.is_dir():
            number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, number)
            self.path = _OPENED / str(number)

    def __str__(self) -> str:
        """The path as TensorFlow asks for it."""
        return str(self.path)
