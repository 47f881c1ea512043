"""A command in a session of its own, as a terminal starts it: how it is ended, and what of it is left."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

OF_TERMINAL = (signal.SIGINT, signal.SIGHUP)
ZOMBIE = "Z"
TIMES = slice(11, 15)  # Of a line of /proc/PID/stat behind the name: user and system, its own and of ended children.
POLL_SECONDS = 0.1


class Session:
    """A command that runs, and the processes that it starts.

    Args:
        command: Program and arguments.
        environment: Variables beside those of this process.
        output: Where all that it prints goes.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self._output = output
        # What is ignored here, as under nohup, would be ignored there.
        ignored = [number for number in OF_TERMINAL if signal.getsignal(number) == signal.SIG_IGN]
        for number in ignored:
            signal.signal(number, signal.SIG_DFL)
        try:
            with output.open("wb") as file:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment},
                    start_new_session=True,
                )
        finally:
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

    @property
    def last_line(self) -> str:
        """What it said last."""
        lines = self._output.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def wait(self, seconds: float) -> int | None:
        """The exit code, as `subprocess` gives it, if it ends within this time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_for_work(self, seconds: float, max_seconds: float) -> int | None:
        """The exit code, if it ends before its processes have used so many seconds of the cores, or so many have gone by."""
        deadline = time.monotonic() + max_seconds
        while self.core_seconds < seconds and time.monotonic() < deadline:
            code = self.wait(POLL_SECONDS)
            if code is not None:
                return code
        return None

    @property
    def core_seconds(self) -> float:
        """What its processes have used of the cores so far, and those processes that they have waited for."""
        ticks = sum(sum(map(int, fields[TIMES])) for fields in _stats_of_session(self._process.pid).values())
        return ticks / os.sysconf("SC_CLK_TCK")

    def send(self, number: signal.Signals, to_all: bool) -> None:
        """Sends a signal to the first process alone, or to all processes of the command."""
        os.killpg(self._process.pid, number) if to_all else self._process.send_signal(number)

    def left_after(self, seconds: float) -> list[int]:
        """Numbers of the processes that are still there after this time, if any are."""
        deadline = time.monotonic() + seconds
        while (left := processes_of_session(self._process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def end(self) -> None:
        """Ends whatever is left."""
        for process in processes_of_session(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()


def processes_of_session(session: int) -> list[int]:
    """Numbers of the processes of a session that have not ended (Linux)."""
    return [process for process, fields in _stats_of_session(session).items() if not _has_ended(process, fields)]


def _has_ended(process: int, fields: list[str]) -> bool:
    """Whether no thread is left: the first one may have ended while others still hold files and their locks."""
    try:
        return fields[0] == ZOMBIE and len(os.listdir(f"/proc/{process}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def _stats_of_session(session: int) -> dict[int, list[str]]:
    """What the system says of each process of a session: state, parent, group, session and so on (proc_pid_stat(5))."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before it is in brackets, and may hold anything.
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session:
            found[int(path.parent.name)] = fields
    return found
