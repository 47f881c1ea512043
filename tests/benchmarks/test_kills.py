"""Kills are counted, and what is wrong after them is found: with a command that needs no TensorFlow and has a flaw."""

import dataclasses
import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from measuring import kills
from measuring.kill_counts import Kill, Result, to_records
from measuring.kills import Blow, Place, kill_until_finished
from measuring.remains import differing_files

from tfp_insects.training.history import read_history, write_history

RUN = "cnn-n4-seed0"
WORK = 0.6  # Seconds of the processor until a blow; the command needs a third of them to get to its place.
FINISHED = Path(__file__).resolve().parents[1] / "fixtures" / "runs_of_0_1_0" / RUN
# Its first start goes on for ever before there is a record, its second behind it, its third to the end.
COMMAND = """
import shutil, signal, subprocess, sys
from pathlib import Path
from tfp_insects.runs.lock import locked

run, finished, starts, flaw = Path(sys.argv[1]) / "cnn-n4-seed0", Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
with starts.open("a") as file:
    file.write(".")
number = len(starts.read_text())
record = run / "record.json"


def go_on_for_ever():
    while True:
        sum(range(1000))


with locked(run):
    if flaw == "orphan" and number == 1:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    if flaw == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if flaw == "stray":
        (run / f"stray-{number}").touch()
    if flaw == "lost":
        record.unlink(missing_ok=True)
    if number == 1:
        go_on_for_ever()
    if number == 2:
        shutil.copytree(finished, run, dirs_exist_ok=True)
        go_on_for_ever()
    if flaw == "other":
        history = run / "history.csv"
        history.write_text(history.read_text().replace(",0.", ",1.", 1))
    if flaw == "broken":
        sys.exit("no way on")
"""
KillTwice = Callable[[str], Result]


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A finished run with all of its files."""
    directory = tmp_path / "finished"
    shutil.copytree(FINISHED, directory)
    (directory / "checkpoints").mkdir()
    with h5py.File(directory / "checkpoints" / "weights.h5", "w") as file:
        file["head/kernel"] = [1.0, 2.0]
    return directory


@pytest.fixture
def kill_twice(tmp_path: Path, finished: Path) -> KillTwice:
    """Kills the command with a flaw at two moments, and lets it finish."""
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    shutil.copytree(finished, tmp_path / "undisturbed" / "runs" / RUN)
    (tmp_path / "undisturbed" / "runs" / RUN / ".lock").touch()
    (tmp_path / "undisturbed" / "output.txt").touch()
    expected = Place(tmp_path / "undisturbed", [], num_records=1)

    def kill(flaw: str) -> Result:
        root = tmp_path / "killed"
        arguments = [str(root / "runs"), str(finished), str(tmp_path / "starts"), flaw]
        place = Place(root, [sys.executable, str(script), *arguments], num_records=1)
        blows = iter([Blow(signal.SIGTERM, WORK, is_for_all=False), Blow(signal.SIGKILL, WORK, is_for_all=True)])
        return kill_until_finished(place, expected, 1, blows)

    return kill


def test_a_study_that_goes_on_survives_its_kills(kill_twice: KillTwice) -> None:
    result = kill_twice("none")
    assert list(result.all_faults) == []
    assert [(kill.signal, kill.moment) for kill in result.kills] == [("SIGTERM", "runs"), ("SIGKILL", "report")]
    assert (result.num_records, result.num_differing) == (1, 0)


@pytest.mark.parametrize(
    ("flaw", "fault", "num_differing"),
    [
        ("stray", "in the end: stray files: ['runs/cnn-n4-seed0/stray-1'", 0),
        ("other", "in the end: cnn-n4-seed0: history.csv differ", 1),
        ("broken", "in the end: the command ended with code 1: no way on", 1),
        ("orphan", "SIGTERM after 0.6 s of work: 1 processes are left", 0),
        ("deaf", "SIGTERM after 0.6 s of work: the command did not end within 1 s", 0),
    ],
)
def test_what_is_wrong_is_found(
    flaw: str, fault: str, num_differing: int, kill_twice: KillTwice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "ORPHAN_SECONDS", 0.2)
    monkeypatch.setattr(kills, "END_SECONDS", 1.0)
    result = kill_twice(flaw)
    found = list(result.all_faults)
    assert len(found) == 1
    assert found[0].startswith(fault)
    assert result.num_differing == num_differing


def test_times_are_no_difference_whatever_their_names(finished_run: Callable[[str], Path], tmp_path: Path) -> None:
    run, other = finished_run("cnn"), tmp_path / "other"
    shutil.copytree(run, other)
    record = json.loads((run / "record.json").read_text())
    other_times = {name: "another" for name in record if "seconds" in name}
    assert len(other_times) >= 6
    (other / "record.json").write_text(json.dumps({**record, **other_times}))
    rows = [dataclasses.replace(row, seconds=9.0, validation_seconds=9.0) for row in read_history(run / "history.csv")]
    write_history(other / "history.csv", rows)
    assert differing_files(other, run) == []
    write_history(other / "history.csv", [dataclasses.replace(row, kl=9.0) for row in rows])
    assert differing_files(other, run) == ["history.csv"]


def test_a_record_that_is_gone_is_lost(kill_twice: KillTwice) -> None:
    result = kill_twice("lost")  # The third start removes what the second finished, and makes no other.
    assert (result.num_lost, result.num_differing) == (1, 1)
    assert "lost records: ['cnn-n4-seed0']" in result.faults


def test_counts_are_by_signal_and_altogether() -> None:
    good = Kill("SIGTERM", 1, 2.0, "runs")
    bad = Kill("SIGKILL", 2, 3.0, "start", ("lost records: ['x']",), num_lost=1)
    results = [
        Result((good, good), 2),
        Result((good, bad), 2, num_differing=1, faults=("x: history.csv differ",), num_lost=1),
    ]
    rows = to_records(results)
    assert [(row["jobs"], row["signal"], row["kills"], row["survived"], row["lost_records"]) for row in rows] == [
        (1, "SIGTERM", 3, 2, 0),
        (2, "SIGKILL", 1, 0, 1),
        ("all", "all", 4, 2, 2),
    ]
    assert rows[-1]["differing_records"] == 1
    assert (rows[-1]["kills_in_start"], rows[-1]["kills_in_runs"], rows[-1]["kills_in_report"]) == (1, 3, 0)
    assert rows[-1]["faults"] == [
        "SIGKILL after 3.0 s of work: lost records: ['x']",
        "in the end: x: history.csv differ",
    ]
    assert json.loads(json.dumps(rows)) == rows
