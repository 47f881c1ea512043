import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from measuring.soak import Sample, sample_process, sample_rounds, to_record

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_a_soak_works_and_says_what_has_grown(tmp_path: Path) -> None:
    flags = ("--minutes=0", "--models=cnn", "--epochs=1", "--warm_up_rounds=0", "--json=soak.json")
    finished = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "soak.py"), *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "1 rounds in" in finished.stdout
    (record,) = json.loads((tmp_path / "soak.json").read_text())
    assert (record["rounds"], record["failures"]) == (1, 0), record["samples"]
    assert record["megabytes"]["growth_percent"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["soak.json"]


def test_growth_is_that_of_the_last_quarter_over_the_first_that_counts() -> None:
    megabytes = [50, 100, 102, 101, 200, 1, 103, 104, 103]  # One round to warm up, then eight.
    record = to_record([Sample(60.0 * i, size, 10, 20, 5) for i, size in enumerate(megabytes)], num_warm_up=1)
    assert (record["minutes"], record["rounds"], record["warm_up_rounds"]) == (8, 9, 1)
    assert record["megabytes"] == pytest.approx(
        {"first": 101, "last": 103.5, "growth_percent": 100 * (103.5 / 101 - 1)}
    )
    assert record["open_files"] == {"first": 10, "last": 10, "growth_percent": 0}


def test_a_round_that_fails_is_counted_and_the_next_goes_on() -> None:
    rounds = iter([ZeroDivisionError("a defect"), None])

    def work() -> None:
        error = next(rounds)
        if error is not None:
            raise error

    samples = sample_rounds(work, seconds=60)
    assert "ZeroDivisionError: a defect" in next(samples).failure
    assert next(samples).failure == ""


def test_the_process_is_measured_as_it_is(tmp_path: Path) -> None:
    before = sample_process(0.0)
    with (tmp_path / "file").open("w"):
        kept = b"1" * 100_000_000
        after = sample_process(1.0)
    assert after.open_files == before.open_files + 1
    assert after.megabytes - before.megabytes == pytest.approx(100, abs=20)
    assert len(kept) == 100_000_000
