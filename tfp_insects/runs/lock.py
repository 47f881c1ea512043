"""A directory that one process at a time writes."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from tfp_insects.errors import InputError

LOCK_NAME = ".lock"


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds a directory, which is made if need be, for the length of the block.

    The lock ends with the process, however that ends; its empty file stays. Programs that the block starts do not have it,
    since Python closes its files in them.

    Raises:
        InputError: Another process, or another block of this one, holds the directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK_NAME).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{directory} is in use by another command: wait for its end, or give another --workdir"
            ) from error
        yield
