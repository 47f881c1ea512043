"""Processes that train one network together, from their command to the record: as one alone, and through a death."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fixtures.small_command import (
    N_PER_CLASS,
    SMALL,
    Workers,
    asked,
    experiment_of,
    flags_of,
    write_images,
)
from rich.console import Console

from tfp_insects.study.grid import require_all, run_grid
from tfp_insects.training.history import EpochRow, read_history

RUN = f"cnn-n{N_PER_CLASS}-seed0"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "some.zip"
    write_images(path)
    return path


@pytest.fixture(scope="module")
def alone(images: Path, tmp_path_factory: pytest.TempPathFactory) -> list[EpochRow]:
    """The history of the same run on one device."""
    workdir = tmp_path_factory.mktemp("alone")
    keys, experiment = experiment_of(str(images), asked())
    require_all(run_grid(keys, experiment, workdir, Console(quiet=True)))
    assert record_of(workdir)["strategy"] == "none"
    return read_history(workdir / RUN / "history.csv")


def record_of(workdir: Path) -> dict[str, Any]:
    return json.loads((workdir / RUN / "record.json").read_text())


def assert_same_losses(rows: list[EpochRow], expected: list[EpochRow]) -> None:
    assert [row.epoch for row in rows] == [row.epoch for row in expected]
    for one, other in zip(rows, expected, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-4)
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-4)
        assert one.train_accuracy == other.train_accuracy


@pytest.mark.long  # Four commands, two at a time.
def test_a_killed_worker_ends_the_others_and_all_go_on_from_the_checkpoint(
    images: Path, alone: list[EpochRow], tmp_path: Path
) -> None:
    history, flags = tmp_path / RUN / "history.csv", flags_of(images, tmp_path, asked())
    with Workers(flags) as workers:
        workers.kill_when(1, history, num_lines=2)
        (code, said, errors), (killed, _, _) = workers.words()
    assert (code, killed) == (1, -9)
    assert re.search(r"^error: another worker is gone.*Start all workers again with the same command", errors, re.M)
    assert "Traceback" not in errors
    assert "Training: multiworker, 2 replicas, 2 processes." in said
    assert not (tmp_path / RUN / "record.json").exists()
    assert 1 <= len(read_history(history)) < SMALL["training.epochs"]

    with Workers(flags) as workers:
        chief, worker = workers.words()
    assert chief[0] == worker[0] == 0, (chief, worker)
    assert f"{RUN}: finished" in chief[1]
    assert chief[1].startswith("Worker 1 of 2: waits for the others.\n")
    assert worker[1] == "Worker 2 of 2: waits for the others. What is done, the first says.\n"
    assert_same_losses(read_history(history), alone)
    record = record_of(tmp_path)
    assert (record["strategy"], record["num_replicas"]) == ("multiworker", 2)
    assert [path.name for path in (tmp_path / RUN / "checkpoints").iterdir()] == ["weights.h5"]
