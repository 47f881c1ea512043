"""Files of the internet that are kept: whole and of the content that is expected, or absent."""

import contextlib
import dataclasses
import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tfp_insects.downloads.https import PATIENCE, Patience
from tfp_insects.downloads.partial import FAILURES, Partial
from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written
from tfp_insects.text import plain, readable

MAX_BYTES = 2 * 2**30


class DownloadError(Exception):
    """A file cannot be had; the text is one line that says why."""


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file of the internet.

    Attributes:
        url: Where it is. Other schemes than https are refused.
        algorithm: A name that `hashlib.new` knows.
        digest: The whole file's, in hex.
        max_bytes: More is not received.
    """

    url: str
    algorithm: str
    digest: str
    max_bytes: int = MAX_BYTES

    def is_in(self, path: Path) -> bool:
        """Whether `path` is a file of this content."""
        return path.is_file() and self.digest_of(path) == self.digest.lower()

    def digest_of(self, path: Path) -> str:
        """A file's digest, in hex."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.new(self.algorithm, usedforsecurity=False)).hexdigest()


def download(file: RemoteFile, path: Path, patience: Patience = PATIENCE) -> None:
    """Downloads a file to `path`, unless it is there.

    Processes that want the same path do this one after the other, and the later ones find the file. What a connection that
    broke, or a process that was killed, has received lies in `<name>.part` and is not received again; where the whole turns
    out to be wrong then, it is received anew, once.

    Args:
        file: What is to be had. Its content is checked whether it is there or comes.
        path: Where it is kept. A file of other content there is replaced once the right one has come.
        patience: With the server.

    Raises:
        DownloadError: It cannot be had. What is at `path` stays as it is, and a file of another content is not kept.
        InputError: The system does not let it be written.
    """
    try:
        if file.is_in(path):
            return
        with told_if_not_written(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if not file.is_in(path):  # The process that was waited for may have brought it.
                partial = Partial(path.with_name(f"{path.name}.part"), file.url, file.max_bytes, patience)
                _receive(file, partial)
                partial.move(path)
    except InputError:  # a ValueError, but not the server's fault
        raise
    except FAILURES as error:
        raise DownloadError(readable(str(error))) from error


def _receive(file: RemoteFile, partial: Partial) -> None:
    """Leaves the whole file in `partial`."""
    if file.is_in(partial.path):  # A process was killed before it could say so.
        return
    is_fresh = partial.num_bytes == 0
    partial.complete()
    found = file.digest_of(partial.path)
    if found == file.digest.lower():
        return
    partial.discard()
    if is_fresh:
        name = file.algorithm.upper().replace("SHA", "SHA-")
        raise DownloadError(f"the file received has {name} {found}, expected {file.digest}")
    _receive(file, partial)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Waits until no other process downloads to `path`, and keeps others waiting for the length of the block.

    The lock ends with the process, however that ends; its file stays, since a process that waits may have it open.
    """
    lock_path = lock_path_of(path)
    with contextlib.ExitStack() as stack:
        with told_if_not_written(lock_path):
            lock = stack.enter_context(lock_path.open("ab"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Console(stderr=True).print(plain(f"Another process downloads {path}: waiting for its end."))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def lock_path_of(path: Path) -> Path:
    """The file by which processes that download to `path` wait for each other."""
    return path.with_name(f".{path.name}.lock")
