"""Runs tests in a process of its own for each mutant, without importing TensorFlow each time.

What takes long to import is imported once, here; a child is forked, imports the project and the tests anew, and runs them.
"""

import dataclasses
import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

# Of these nothing belongs to the project.
PRELOADED = ("hypothesis", "ml_collections", "scipy.integrate", "scipy.optimize", "scipy.sparse.csgraph", "scipy.stats")
PRELOADED_FOR = {
    "bayes": ("tf_keras", "tensorflow_probability", "tensorflow_probability.python.layers"),
    "data": (),
    "metrics": ("sklearn.metrics",),
}
# Of the fixtures that conftest.py names, those that the tests of each room need; to import the others takes longer.
PLUGINS = {"bayes": ("fixtures.models", "fixtures.tiny_twin"), "data": (), "metrics": ("fixtures.new_files",)}
ADDOPTS = "--import-mode=importlib --strict-markers --strict-config --exitfirst --quiet -m 'not long'"
OPTIONS = ("--override-ini", f"addopts={ADDOPTS}", "--noconftest", "-p", "no:cacheprovider")
MAX_GROWTH_BYTES = 3 * 2**30


@dataclasses.dataclass(frozen=True)
class Trial:
    """How the tests ended.

    Attributes:
        outcome: `passed`; `failed`, by a test; `broken`, before any test ran; or `slow`, stopped at a limit.
        cpu_seconds: Time of the processor.
    """

    outcome: str
    cpu_seconds: float


def preload(rooms: Iterable[str]) -> None:
    """Imports what takes long, and starts no thread: a child has only the one that forks."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name in (*PRELOADED, *(name for room in rooms for name in PRELOADED_FOR[room])):
        importlib.import_module(name)


def run_tests(tree: Path, tests: Sequence[str], log: Path, *, max_cpu_seconds: float, write_bytecode: bool) -> Trial:
    """Runs tests of a copy of the repository in a forked process, until the first fails."""
    pid = os.fork()
    if pid == 0:
        _become_pytest(tree, tests, log, max_cpu_seconds, write_bytecode)
    _, status, usage = _wait(pid, time.monotonic() + 30.0 * max_cpu_seconds)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    if os.WIFSIGNALED(status):
        return Trial("slow", cpu_seconds)
    code = os.WEXITSTATUS(status)
    named = {pytest.ExitCode.OK: "passed", pytest.ExitCode.TESTS_FAILED: "failed"}
    return Trial(named.get(pytest.ExitCode(code), "broken"), cpu_seconds)


def _become_pytest(tree: Path, tests: Sequence[str], log: Path, max_cpu_seconds: float, write_bytecode: bool) -> None:
    code = int(pytest.ExitCode.INTERNAL_ERROR)
    try:
        os.setsid()
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(tree)
        sys.path[:0] = [str(tree), str(tree / "tests")]
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
        sys.dont_write_bytecode = not write_bytecode
        _limit(max_cpu_seconds)
        rooms = {test.split("/")[1] for test in tests}
        plugins = [part for room in sorted(rooms) for name in PLUGINS[room] for part in ("-p", name)]
        code = int(pytest.main([*OPTIONS, *plugins, *tests]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def _limit(max_cpu_seconds: float) -> None:
    seconds = round(max_cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    growth = pages * resource.getpagesize() + MAX_GROWTH_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (growth, growth))


def _wait(pid: int, deadline: float) -> tuple[int, int, resource.struct_rusage]:
    """Waits for a child and ends what it leaves behind."""
    try:
        while True:
            found = os.wait4(pid, os.WNOHANG)
            if found[0]:
                return found
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                return os.wait4(pid, 0)
            time.sleep(0.05)
    finally:
        _kill_group(pid)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
