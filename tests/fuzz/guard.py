"""Ends the process's trust in itself: nothing outside one directory may be written, nothing started, nobody called."""

import os
import sys
from pathlib import Path

FORBIDDEN = (
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "ctypes.dlopen", "pickle.find_class"),
)
# Events with the paths that they change among their first arguments, and how many of these there are.
CHANGING = {
    **dict.fromkeys(("os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.truncate", "os.utime"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2),
}


class Escape(BaseException):
    """Something that no input may lead to; no `except Exception` catches it."""


def guard(directory: Path) -> None:
    """From now on, each of these is an error: a file written outside the directory, a program, a connection, a pickle."""
    root = os.path.realpath(directory)

    def check(event: str, arguments: tuple) -> None:
        if event in FORBIDDEN:
            raise Escape(f"{event} {arguments!r}"[:500])
        paths = arguments[: CHANGING.get(event, 0)]
        if event == "open" and _writes(*arguments[1:3]):
            paths = arguments[:1]
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike) and not _is_inside(os.fsdecode(path), root):
                raise Escape(f"{event} {path!r}"[:500])

    sys.addaudithook(check)


def _writes(mode: object, flags: object) -> bool:
    by_flags = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    return by_flags or (isinstance(mode, str) and any(letter in mode for letter in "wax+"))


def _is_inside(path: str, root: str) -> bool:
    return path == os.devnull or os.path.realpath(path).startswith(f"{root}{os.sep}")
