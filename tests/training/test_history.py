import csv
import dataclasses
import errno
import os
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.training.history import EpochRow, History, read_history

COLUMNS = (
    "epoch,train_loss,train_nll,train_accuracy,validation_loss,validation_nll,validation_accuracy,kl,seconds,"
    "validation_seconds"
)


def make_row(epoch: int) -> EpochRow:
    """Numbers that need all their digits."""
    return EpochRow(epoch, *[epoch + 1 / (3 + i) for i in range(9)])


def test_rows_are_on_disk_after_each_epoch_under_the_studys_columns(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    history = History(path, num_rows=0)
    assert path.read_text().splitlines() == [COLUMNS]
    for epoch in (1, 2):
        history.append(make_row(epoch))
        assert len(path.read_text().splitlines()) == epoch + 1
    with path.open(newline="") as file:
        first = next(csv.DictReader(file))
    assert first["epoch"] == "1"
    assert float(first["kl"]) == make_row(1).kl
    assert list(tmp_path.iterdir()) == [path]


def test_reading_gives_the_same_rows_again(tmp_path: Path) -> None:
    history = History(tmp_path / "history.csv", num_rows=0)
    rows = [make_row(epoch) for epoch in (1, 2, 3)]
    rows[1] = dataclasses.replace(rows[1], validation_nll=float("inf"))
    for row in rows:
        history.append(row)
    assert read_history(tmp_path / "history.csv") == rows
    assert isinstance(read_history(tmp_path / "history.csv")[0].epoch, int)


@pytest.mark.parametrize("num_rows", [0, 1, 2, 3])
def test_a_resumed_run_keeps_the_rows_of_finished_epochs(tmp_path: Path, num_rows: int) -> None:
    path = tmp_path / "history.csv"
    history = History(path, num_rows=0)
    for epoch in (1, 2, 3):
        history.append(make_row(epoch))
    resumed = History(path, num_rows)
    expected = [make_row(epoch) for epoch in (1, 2, 3)][:num_rows]
    assert resumed.rows == read_history(path) == expected
    resumed.append(make_row(num_rows + 1))
    assert read_history(path) == [*expected, make_row(num_rows + 1)]


def test_a_failed_write_leaves_the_old_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.csv"
    history = History(path, num_rows=0)
    history.append(make_row(1))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match=r"history\.csv was not written \(No space left on device\)"):
        history.append(make_row(2))
    assert read_history(path) == [make_row(1)]


@pytest.mark.parametrize(
    "text", ["epoch,train_loss\n1,0.5\n", "epoch\nx\n", COLUMNS + "\n1,2\n", COLUMNS + "\n" + "1," * 12 + "\n"]
)
def test_what_is_no_history_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=r"history\.csv cannot be read \(.*\): remove the run's directory"):
        read_history(tmp_path / "history.csv")
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        read_history(tmp_path / "none.csv")


def test_fewer_rows_than_the_checkpoint_has_epochs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    History(path, num_rows=0).append(make_row(1))
    with pytest.raises(InputError, match=r"history\.csv holds 1 epochs; the checkpoint beside it is of epoch 2"):
        History(path, num_rows=2)
    path.unlink()
    with pytest.raises(InputError, match="holds 0 epochs"):
        History(path, num_rows=2)


def test_files_of_versions_that_did_not_time_validations_are_read(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(f"{COLUMNS.rpartition(',')[0]}\n1,1,2,0.5,3,4,0.5,0,7.5\n")
    assert read_history(tmp_path / "history.csv") == [EpochRow(1, 1.0, 2.0, 0.5, 3.0, 4.0, 0.5, 0.0, 7.5, 0.0)]
