"""What a process for one run does first: it ties its life to its parent's, and starts quietly.

Nothing large is imported here: a fresh process imports this file before anything else, and must end with its parent from then
on.
"""

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

PR_SET_PDEATHSIG = 1  # Of Linux' prctl: the signal that the kernel sends when the parent is gone.


class Message(NamedTuple):
    """What a process sends: a word on the way, or at last its result."""

    is_result: bool
    content: Any


def answer(call: bytes, prepare: Callable[[], object], answers: Connection, tells: bool) -> None:
    """Makes a call and sends what it returns.

    Args:
        call: A pickled function, not unpickled before the process is prepared: that imports what it needs.
        prepare: What is to be done first.
        answers: Where to send the result.
        tells: Whether the function is called with another that sends words on the way; else it has no arguments.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # Blocked by the parent while it started this.
    end_with_parent()
    prepare()
    arguments = [lambda content: answers.send(Message(False, content))] if tells else []
    answers.send(Message(True, pickle.loads(call)(*arguments)))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)  # Without the seconds that TensorFlow takes to leave.


def end_with_parent() -> None:
    """Makes this process end at once when its parent does, however that ends: all that it writes is whole or absent.

    The kernel sees to it on Linux. Everywhere a thread waits for the end of a pipe whose other end the parent alone holds.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("this process was not started by multiprocessing")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent.pid:  # It ended before it was asked for.
            os._exit(1)
    threading.Thread(target=_end_after, args=[parent.sentinel], daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
