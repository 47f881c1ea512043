import subprocess
import sys
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.runs.lock import locked

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
