"""Processes for several runs, and what becomes of them when the command that started them ends in any way."""

import contextlib
import functools
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tfp_insects.interruption import Interrupted, interruptible
from tfp_insects.runs.lock import is_free
from tfp_insects.study.processes import CONTEXT, run_in_processes

ROOT = Path(__file__).resolve().parents[2]
JOBS = 2
# Of a process: its threads, and modules of Keras 3 and of what that imports, which take longer than TensorFlow itself.
STATE = """(
    __import__("tensorflow").config.threading.get_intra_op_parallelism_threads(),
    {"keras", "sklearn", "matplotlib"} & set(__import__("sys").modules),
)"""
# A command as scripts/run.py with --jobs=2, whose processes need no TensorFlow: each holds a run's lock and is at work.
COMMAND = """
import functools, sys, time
from pathlib import Path
from tfp_insects.interruption import Interrupted, interruptible
from tfp_insects.runs.lock import locked
from tfp_insects.study.processes import run_in_processes


def work(directory):
    with locked(directory):
        (directory / "started").touch()
        time.sleep(60)


if __name__ == "__main__":
    calls = {i: functools.partial(work, Path(sys.argv[1]) / str(i)) for i in range(4)}
    try:
        with interruptible():
            for _ in run_in_processes(calls, num_jobs=2, prepare=int):
                print("ended", flush=True)
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        sys.exit(interrupted.exit_code)
"""


def test_a_process_that_dies_takes_no_other_with_it() -> None:
    calls = {
        "dies": functools.partial(os._exit, 1),
        "is killed": functools.partial(signal.raise_signal, signal.SIGKILL),
        "lives": functools.partial(pow, 2, 3),
    }
    assert dict(run_in_processes(calls, num_jobs=2, prepare=int)) == {"dies": None, "is killed": None, "lives": 8}


def test_results_of_any_size_come_as_they_are_ready() -> None:
    calls = {"late": functools.partial(time.sleep, 1.5), "large": functools.partial(bytes, 10_000_000), "small": int}
    names = [key for key, _ in run_in_processes(calls, num_jobs=3, prepare=int)]
    assert sorted(names[:2]) == ["large", "small"]


def test_words_on_the_way_come_before_the_result() -> None:
    heard: list[tuple[str, str]] = []
    calls = {name: operator.methodcaller("__call__", f"word of {name}") for name in ("a", "b")}
    results = run_in_processes(
        calls,
        num_jobs=1,
        prepare=int,
        on_start=lambda name: heard.append((name, "begun")),
        on_message=lambda name, word: heard.append((name, word)),
    )
    for name, result in results:
        assert result is None
        heard.append((name, "ended"))
    assert heard == [(name, word) for name in "ab" for word in ("begun", f"word of {name}", "ended")]


def test_a_process_has_its_share_of_the_cores_and_starts_silently(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # As commands set it.
    calls = {"threads, and what nothing needs": functools.partial(eval, STATE)}
    assert dict(run_in_processes(calls, num_jobs=os.cpu_count() or 1)) == {
        "threads, and what nothing needs": (1, set())
    }
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_a_process_is_started_leaves_none_behind(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = CONTEXT.Process.start

    def start_and_be_told_to_end(process: BaseProcess) -> None:
        start(process)
        started.append(process)
        signal.raise_signal(number)

    monkeypatch.setattr(CONTEXT.Process, "start", start_and_be_told_to_end)
    with pytest.raises(Interrupted, match=number.name), interruptible():
        list(run_in_processes({0: functools.partial(time.sleep, 60)}, num_jobs=1, prepare=int))
    assert [process.exitcode for process in started] == [-signal.SIGKILL]


def test_who_stops_listening_ends_the_processes(tmp_path: Path) -> None:
    calls = {"soon": int, "never": functools.partial(time.sleep, 60)}
    started = time.monotonic()
    with contextlib.closing(run_in_processes(calls, num_jobs=2, prepare=int)) as results:
        assert next(results) == ("soon", 0)
    assert time.monotonic() - started < 10


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A command in a process group of its own, as a shell starts it, with two of its four processes at work."""
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while len(list(tmp_path.glob("*/started"))) < JOBS and time.monotonic() < deadline:
                time.sleep(0.02)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def processes_of(group: int) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [row[2] for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


@pytest.mark.parametrize("whole_group", [False, True], ids=["alone", "group"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_whatever_ends_a_command_ends_its_processes(
    name: str, whole_group: bool, command: subprocess.Popen[str], tmp_path: Path
) -> None:
    held = [path.parent for path in tmp_path.glob("*/started")]
    assert len(held) == JOBS
    assert not any(map(is_free, held))
    number = getattr(signal, name)
    os.killpg(command.pid, number) if whole_group else os.kill(command.pid, number)
    output, errors = command.communicate(timeout=10)
    if name == "SIGKILL":
        assert command.returncode == -number
    else:
        assert command.returncode == 128 + number
        assert (output, errors) == ("", f"interrupted by {name}; the same command goes on where this one was\n")
    deadline = time.monotonic() + 5
    while processes_of(command.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(command.pid) == []
    assert all(map(is_free, held))
    assert len(list(tmp_path.glob("*/started"))) == JOBS  # Nothing else was begun.


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_terminals_signals_are_for_the_command_to_answer(
    name: str, command: subprocess.Popen[str], tmp_path: Path
) -> None:
    children = [pid for pid in map(int, children_of(command.pid)) if is_worker(pid)]
    assert len(children) == JOBS
    for child in children:
        os.kill(child, getattr(signal, name))
    time.sleep(0.3)
    assert command.poll() is None
    assert not any(is_free(path.parent) for path in tmp_path.glob("*/started"))
    os.kill(children[0], signal.SIGTERM)  # What is meant for one process ends it, and another run is begun.
    assert command.stdout is not None
    assert command.stdout.readline() == "ended\n"
    command.terminate()
    assert command.wait(10) == 143


def children_of(pid: int) -> list[str]:
    return subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    ).stdout.split()


def is_worker(pid: int) -> bool:
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"spawn_main" in arguments
