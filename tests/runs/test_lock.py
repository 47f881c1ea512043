import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.runs.lock import LOCK_NAME, locked, wait_until_free

HOLD = """
import sys, time
from pathlib import Path
from tfp_insects.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_is_held_once_at_a_time_and_free_after_an_error(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "run"
    with locked(directory), locked(tmp_path / "other"):
        refused = pytest.raises(
            InputError, match=r"new/run is in use by another command \(process \d+\): wait .* another work directory"
        )
        with refused, locked(directory):
            pass
    with pytest.raises(RuntimeError, match="broken"), locked(directory):
        raise RuntimeError("broken")
    with locked(directory):
        pass


def test_ends_with_a_killed_process(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(InputError, match="is in use"), locked(tmp_path):
                pass
        finally:
            holder.kill()
        holder.wait()
        with locked(tmp_path):
            pass


def test_programs_started_meanwhile_do_not_hold_it(tmp_path: Path) -> None:
    with locked(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with locked(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_holder_on_another_machine_is_named_with_it(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / LOCK_NAME).write_text("7 far-away\n")
        with pytest.raises(InputError, match=r"in use by another command \(process 7 on far-away\)"), locked(tmp_path):
            pass


def test_who_waits_has_the_directory_once_its_holder_ends(tmp_path: Path) -> None:
    wait_until_free(tmp_path / "not there", 60.0)
    with locked(tmp_path):
        started = time.monotonic()
        wait_until_free(tmp_path, 0.1)  # In vain.
        assert 0.1 <= time.monotonic() - started < 30
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "held\n"
        threading.Timer(0.3, one.kill).start()
        wait_until_free(tmp_path, 60.0)
        with locked(tmp_path):
            pass
