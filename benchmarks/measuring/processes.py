"""Several configurations at once, each in its own process, run in turns.

Turns make ratios fair on a machine that others use too: whatever slows one round slows all configurations in it.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

from measuring.configuration import Configuration
from tfp_insects.errors import InputError

BENCHMARKS = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "measuring.worker")
ERROR_PREFIX = "tfp_insects.errors.InputError: "


class Measurement(NamedTuple):
    """What was measured of one configuration.

    Attributes:
        configuration: What ran.
        num_images: Images that one run takes in.
        milliseconds: Of each round.
        peak_megabytes: Peak of memory of the process, or of the GPU.
    """

    configuration: Configuration
    num_images: int
    milliseconds: tuple[float, ...]
    peak_megabytes: float


class Worker:
    """A process that runs one configuration on demand.

    Args:
        configuration: What it runs.
        errors: Where its standard error goes.
    """

    def __init__(self, configuration: Configuration, errors: IO[bytes]) -> None:
        self.configuration = configuration
        self._errors = errors
        self._process = subprocess.Popen(
            [*COMMAND, configuration.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": _python_path()},
        )

    def wait_until_ready(self) -> int:
        """Waits for building and warming up; returns the number of images that one run takes in."""
        return int(self._read())

    def run(self) -> float:
        """Runs once and returns milliseconds."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # What it said last tells why.
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        return float(self._read())

    def finish(self) -> float:
        """Ends the process and returns its peak of memory in megabytes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return float(self._read())

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        return line

    def _fail(self) -> NoReturn:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        cause = lines[-1] if lines else "it said nothing; -9 is often a lack of memory"
        raise InputError(
            f"{self.configuration}: the process ended with code {code}: {cause.removeprefix(ERROR_PREFIX)}"
        )


def _python_path() -> str:
    found = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(BENCHMARKS), found] if found else [str(BENCHMARKS)])


def measure_in_turns(
    configurations: Sequence[Configuration], repeats: int, on_run: Callable[[], None] = lambda: None
) -> list[Measurement]:
    """Runs each configuration once a round, for `repeats` rounds.

    Args:
        configurations: What to run; all are in memory at once.
        repeats: Number of rounds.
        on_run: Called after each run, and after each start.

    Raises:
        InputError: A process ended early; the message holds its last words.
    """
    with contextlib.ExitStack() as stack:
        workers = {}
        for configuration in configurations:
            worker = stack.enter_context(_started(configuration))
            workers[worker] = worker.wait_until_ready()
            on_run()
        rounds: dict[Worker, list[float]] = {worker: [] for worker in workers}
        for _ in range(repeats):
            for worker in workers:
                rounds[worker].append(worker.run())
                on_run()
        return [
            Measurement(worker.configuration, num_images, tuple(rounds[worker]), worker.finish())
            for worker, num_images in workers.items()
        ]


@contextlib.contextmanager
def _started(configuration: Configuration) -> Iterator[Worker]:
    with tempfile.TemporaryFile() as errors:
        worker = Worker(configuration, errors)
        try:
            yield worker
        finally:
            worker.close()
