"""What ends a process before its work is done: a signal, told in a line and in the exit code.

Nothing large is imported here: a command can be interrupted while TensorFlow is being imported.
"""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from tfp_insects.errors import InputError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 10.0


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end.

    Attributes:
        exit_code: 128 + its number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}; the same command goes on where this one was")
        self.exit_code = 128 + number


@contextlib.contextmanager
def interruptible(grace_seconds: float = GRACE_SECONDS) -> Iterator[None]:
    """Makes SIGINT, SIGTERM and SIGHUP raise `Interrupted` in the main thread, for the length of the block.

    Python raises it between two of its own instructions. Where one takes longer than the time of grace, or where the
    exception got lost in a callback, the process ends without tidying up, as it does at a second signal: every file is whole
    or absent at any moment.

    Where a library that was interrupted in one of its callbacks raises an error of its own instead, that is answered by
    `Interrupted` as well; an `InputError` stays.

    A signal that is ignored stays so: `nohup` ignores SIGHUP, and shells SIGINT for what they run in the background.

    Args:
        grace_seconds: From the signal until the process ends in any case.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    watcher = threading.Thread(target=_end_in_any_case, args=[reader, handled, grace_seconds], daemon=True)
    watcher.start()
    # The number of each signal is written there at once, even while Python's own handler has to wait.
    wakeup_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handler = _Handler()
    for number in handled:
        signal.signal(number, handler)
    try:
        yield
    except InputError:  # Whoever says it knows more: Ray's watch interrupts the main thread, too.
        raise
    except Exception as error:
        handler.raise_again(error)
        raise
    finally:
        for number in handled:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(wakeup_before)
        os.close(writer)
        watcher.join()
        os.close(reader)


def raise_if_interrupted(error: Exception) -> None:
    """Raises `Interrupted` where a signal came before an error: then the error may be what a library made of it.

    To be called where errors of all kinds are caught and work goes on.

    Raises:
        Interrupted: The process has been asked to end, in a block of `interruptible`.
    """
    for number in SIGNALS:
        handler = signal.getsignal(number)
        if isinstance(handler, _Handler):
            handler.raise_again(error)


@contextlib.contextmanager
def left_to_the_system() -> Iterator[None]:
    """Lets signals end the process at once, for the length of the block.

    For an operation that may take for ever and lets no other thread of Python run, before there is anything to tidy up.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    handled = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])


def end_interrupted(interrupted: Interrupted) -> NoReturn:
    """Ends the process with one line on stderr, without the seconds that TensorFlow takes to leave."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # What it was connected to may be gone.
            stream.flush()
    with contextlib.suppress(OSError):
        os.write(2, f"error: {interrupted}\n".encode())
    os._exit(interrupted.exit_code)


class _Handler:
    """Raises `Interrupted` when a signal comes, and remembers that."""

    def __init__(self) -> None:
        self._number: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._number = number
        raise Interrupted(number)

    def raise_again(self, error: Exception) -> None:
        """Raises it again if it has been raised."""
        if self._number is not None:
            raise Interrupted(self._number) from error


def _end_in_any_case(reader: int, handled: list[signal.Signals], grace_seconds: float) -> None:
    """Ends the process at the second signal, or some time after the first; returns when the pipe is closed."""
    first = None
    while True:
        is_ready, _, _ = select.select([reader], [], [], None if first is None else grace_seconds)
        numbers = os.read(reader, 1) if is_ready else b""
        if is_ready and not numbers:
            return
        if not numbers or (first is not None and numbers[0] in handled):
            end_interrupted(Interrupted(first or numbers[0]))
        if numbers[0] in handled:
            first = numbers[0]
