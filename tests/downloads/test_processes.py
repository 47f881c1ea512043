"""Processes that want one file: one downloads, the others wait and find it, and a killed one hands on what it has."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures.https_servers import CONTENT, HttpsServer

PAUSE_AFTER = 30_000
WAITING = "Another process downloads"
PROGRAM = """
import sys
from pathlib import Path
from tfp_insects.downloads.cached import RemoteFile, download
download(RemoteFile(sys.argv[1], "sha256", sys.argv[2]), Path(sys.argv[3]))
"""
Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def start(https_server: HttpsServer, tmp_path: Path) -> Iterator[Start]:
    """Starts a process that downloads the file to one place; none is left at the end."""
    https_server.behaviour.pause_after = PAUSE_AFTER
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", PROGRAM, f"{https_server.url}/w.bin", https_server.sha256, str(tmp_path / "w.bin")]
    processes: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "500"}
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def wait_until_written(path: Path, num_bytes: int) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < num_bytes:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_second_waits_and_finds_the_file(https_server: HttpsServer, start: Start, tmp_path: Path) -> None:
    first = start()
    assert https_server.behaviour.is_paused.wait(60)
    second = start()
    assert first_line(second).startswith(f"{WAITING} {tmp_path / 'w.bin'}")
    https_server.behaviour.go_on.set()
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert (tmp_path / "w.bin").read_bytes() == CONTENT
    assert https_server.asked == [("", "")]


def test_a_killed_one_holds_no_lock_and_its_part_is_gone_on_with(
    https_server: HttpsServer, start: Start, tmp_path: Path
) -> None:
    first = start()
    assert https_server.behaviour.is_paused.wait(60)
    wait_until_written(tmp_path / "w.bin.part", PAUSE_AFTER)
    second = start()
    assert first_line(second).startswith(WAITING)
    first.kill()
    first.wait()
    https_server.behaviour.go_on.set()
    assert second.wait(60) == 0
    assert (tmp_path / "w.bin").read_bytes() == CONTENT
    assert https_server.asked == [("", ""), (f"bytes={PAUSE_AFTER}-", '"1"')]
    assert {path.name for path in tmp_path.iterdir()} == {"w.bin", ".w.bin.lock"}
