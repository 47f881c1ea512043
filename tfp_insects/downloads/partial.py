"""A file of which a beginning is there, and the rest still has to come."""

import http.client
import re
import time
import urllib.error
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from tfp_insects.downloads.https import Patience, open_https
from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written

CHUNK_BYTES = 2**20
MAX_CONNECTIONS = 20
PAUSE_SECONDS = 1.0
# What `open_https` and reading from it raise.
FAILURES = (OSError, http.client.HTTPException, ValueError)
_VALIDATOR = re.compile(r"[!-~][ -~]{0,500}")


class TooLargeError(OSError):
    """A server sends more than is allowed."""


class Partial:
    """The beginning of a file at `url`, on disk, for one process at a time.

    Beside it lies the server's validator (RFC 9110, section 8.8), by which the server knows whether the rest belongs to it.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path, url: str, max_bytes: int, patience: Patience) -> None:
        self.path = path
        self._validator_path = path.with_name(f"{path.name}.validator")
        self._url, self._max_bytes, self._patience = url, max_bytes, patience

    @property
    def num_bytes(self) -> int:
        """How much is there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self) -> None:
        """Forgets what is there."""
        with told_if_not_written(self.path):
            self.path.unlink(missing_ok=True)
            self._validator_path.unlink(missing_ok=True)

    def move(self, target: Path) -> None:
        """Makes it the file `target`."""
        with told_if_not_written(target):
            self.path.replace(target)
            self._validator_path.unlink(missing_ok=True)

    def complete(self) -> None:
        """Receives what is missing. A connection that breaks is made anew as long as each brings something.

        Raises:
            OSError, http.client.HTTPException, ValueError: The last connection's failure. What is there stays.
            TooLargeError: There is more than `max_bytes`. Nothing stays.
            InputError: The system does not let it be written.
        """
        for connection in range(1, MAX_CONNECTIONS + 1):
            before = self.num_bytes
            try:
                return self._receive()
            except InputError:  # a ValueError, but this machine's failure
                raise
            except TooLargeError:
                self.discard()
                raise
            except FAILURES:
                if self.num_bytes <= before or connection == MAX_CONNECTIONS:
                    raise
                time.sleep(PAUSE_SECONDS)
        raise AssertionError("the last connection returns or raises")

    def _receive(self) -> None:
        """Receives what one connection gives, and is done when that is the rest."""
        start = self.num_bytes
        try:
            response = open_https(self._url, self._headers(start), self._patience)
        except urllib.error.HTTPError as error:
            if start and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.discard()  # There is no such rest: it was the beginning of something else.
                return self._receive()
            raise
        with response:
            if response.status == http.client.PARTIAL_CONTENT:
                self._require_rest_from(start, response)
            else:  # The whole: the server knows no ranges, or the file has changed.
                start = 0
                self.discard()
                self._keep_validator(response)
            self._append(response, start)
        return None

    def _headers(self, start: int) -> dict[str, str]:
        if not start:
            return {}
        try:
            validator = self._validator_path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            validator = ""
        condition = {"If-Range": validator} if _VALIDATOR.fullmatch(validator) else {}
        return {"Range": f"bytes={start}-", **condition}

    def _require_rest_from(self, start: int, response: Any) -> None:
        found = response.headers.get("Content-Range", "")
        if not found.startswith(f"bytes {start}-"):
            self.discard()
            raise OSError(f"asked for the file from byte {start:,}, the server sent another part ({found[:40]!r})")

    def _keep_validator(self, response: Any) -> None:
        tag = response.headers.get("ETag", "")
        strong = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        if _VALIDATOR.fullmatch(strong):
            with told_if_not_written(self.path):
                self._validator_path.write_text(strong, encoding="ascii")

    def _append(self, response: Any, start: int) -> None:
        end = None if response.length is None else start + response.length
        self._require_small(end or start)
        received = start
        with told_if_not_written(self.path):
            file = self.path.open("ab", buffering=0)
        with file, self._progress() as progress:
            task = progress.add_task(self.path.name.removesuffix(".part"), total=end, completed=start)
            # Not beyond the end: some versions of http.client count only what is asked for at once.
            while chunk := response.read1(CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - received)):
                received += len(chunk)
                self._require_small(received)
                with told_if_not_written(self.path):
                    _write_all(file, chunk)
                progress.update(task, completed=received)
        if end is not None and received != end:  # http.client keeps silent about a lost connection
            raise OSError(f"only {received:,} of {end:,} bytes arrived")

    def _require_small(self, num_bytes: int) -> None:
        if num_bytes > self._max_bytes:
            raise TooLargeError(f"the server sends {num_bytes:,} bytes or more; expected at most {self._max_bytes:,}")

    @staticmethod
    def _progress() -> Progress:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        return Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True))


def _write_all(file: Any, chunk: bytes) -> None:
    """Writes to an unbuffered file, which may take a part at a time."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]
