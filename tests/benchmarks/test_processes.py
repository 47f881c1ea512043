"""Processes in turns, with a stand-in for the worker that needs no TensorFlow and writes down what it does."""

import sys
from pathlib import Path

import pytest
from measuring import processes
from measuring.configuration import Configuration
from measuring.processes import measure_in_turns

from tfp_insects.errors import InputError

WORKER = """
import json, sys
from pathlib import Path
row = json.loads(sys.argv[1])
log = Path(row["cache_dir"])
print(2 * row["batch_size"], flush=True)
for i, line in enumerate(sys.stdin):
    if row["model"] == "bnn" and i == row["num_samples"]:
        raise {error}
    with log.open("a") as file:
        file.write(row["model"] + " ")
    print(row["batch_size"] + i, flush=True)
print(row["batch_size"] / 10, flush=True)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def use_worker(monkeypatch: pytest.MonkeyPatch, folder: Path, error: str = "KeyError") -> None:
    script = folder / "worker.py"
    script.write_text(WORKER.format(error=error))
    monkeypatch.setattr(processes, "COMMAND", (sys.executable, str(script)))


def rows(log: Path, fails_after: int = 99) -> list[Configuration]:
    return [
        Configuration(model, "train", "float32", batch_size, num_samples=fails_after, cache_dir=str(log))
        for model, batch_size in (("cnn", 10), ("bnn", 20))
    ]


def test_runs_in_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path) -> None:
    use_worker(monkeypatch, tmp_path)
    calls: list[int] = []
    cnn, bnn = measure_in_turns(rows(log), 3, lambda: calls.append(0))
    assert log.read_text().split() == ["cnn", "bnn"] * 3
    assert (cnn.milliseconds, bnn.milliseconds) == ((10, 11, 12), (20, 21, 22))
    assert (cnn.num_images, bnn.num_images) == (20, 40)
    assert (cnn.peak_megabytes, bnn.peak_megabytes) == (1, 2)
    assert [cnn.configuration, bnn.configuration] == rows(log)
    assert len(calls) == 2 * (1 + 3)


def test_no_rounds_measure_memory_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path) -> None:
    use_worker(monkeypatch, tmp_path)
    (cnn,) = measure_in_turns(rows(log)[:1], 0)
    assert cnn.milliseconds == ()
    assert cnn.peak_megabytes == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("ValueError('no room')", r"bnn train float32 batch 20: the process ended with code 1: ValueError: no room$"),
        ("SystemExit(9)", r"ended with code 9: it said nothing; -9 is often a lack of memory$"),
    ],
)
def test_a_process_that_fails_is_named_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path, error: str, message: str
) -> None:
    use_worker(monkeypatch, tmp_path, error)
    with pytest.raises(InputError, match=message):
        measure_in_turns(rows(log, fails_after=1), 3)
    assert log.read_text().split() == ["cnn", "bnn", "cnn"]


def test_mistakes_of_the_user_are_told_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text("from tfp_insects.errors import InputError\nraise InputError('--data=x: no such file')\n")
    monkeypatch.setattr(processes, "COMMAND", (sys.executable, str(script)))
    with pytest.raises(InputError, match=r"code 1: --data=x: no such file$"):
        measure_in_turns([Configuration()], 1)
