"""A directory that one process at a time writes."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written

LOCK_NAME = ".lock"


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds a directory, which is made if need be, for the length of the block.

    The lock ends with the process, however that ends; its file stays, and names the process that had it last. Programs that
    the block starts do not have it, since Python closes its files in them.

    Raises:
        InputError: Another process, or another block of this one, holds the directory, or it cannot be made.
    """
    path = directory / LOCK_NAME
    with contextlib.ExitStack() as stack:
        with told_if_not_written(path):
            directory.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("a+"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InputError(
                f"{directory} is in use by another command (process {file.read(20).strip() or 'unknown'}): "
                "wait for its end, or give another work directory",
                field="workdir",
            ) from error
        except OSError as error:
            raise InputError(
                f"{path} cannot be locked ({error.strerror}): give a work directory on another file system",
                field="workdir",
            ) from error
        with told_if_not_written(path):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


def is_free(directory: Path) -> bool:
    """Whether a directory can be held now."""
    try:
        with locked(directory):
            return True
    except InputError:
        return False
