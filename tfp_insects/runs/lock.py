"""A directory that one process at a time writes."""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written

LOCK_NAME = ".lock"
SECONDS_BETWEEN_TRIES = 0.5


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds a directory, which is made if need be, for the length of the block.

    The lock ends with the process, however that ends; its file stays, and names the process and the machine that had it last.
    On storage that several machines share, the file server ends it: some time after its machine was lost (NFS 4: by default
    90 seconds). Programs that the block starts do not have it, since Python closes its files in them.

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
                f"{directory} is in use by another command ({_holder(file.read(300))}): "
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
            file.write(f"{os.getpid()} {socket.gethostname()}\n")
            file.flush()
        yield


def is_free(directory: Path) -> bool:
    """Whether a directory can be held now."""
    try:
        with locked(directory):
            return True
    except InputError:
        return False


def wait_until_free(directory: Path, seconds: float) -> None:
    """Waits until a directory can be held, or for so many seconds; one that is not there is free."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and directory.exists() and not is_free(directory):
        time.sleep(SECONDS_BETWEEN_TRIES)


def _holder(text: str) -> str:
    """Who holds a directory, by what its lock's file says; of another machine with that one's name."""
    number, _, host = text.strip().partition(" ")
    words = f"process {number or 'unknown'}"
    return words if host in ("", socket.gethostname()) else f"{words} on {host}"
