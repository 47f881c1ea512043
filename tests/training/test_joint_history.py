from pathlib import Path

import pytest

from tfp_insects.training.history import (
    EpochRow,
    best_row,
    joint_history,
    read_history,
    seconds_to_best_epoch,
    write_history,
)


def row(epoch: int, validation_nll: float, seconds: float) -> EpochRow:
    return EpochRow(epoch, 1.0, 2.0, 0.5, 3.0, validation_nll, 0.25, 0.0, seconds)


ROWS = [row(1, 2.0, 4.0), row(2, 1.0, 5.0), row(3, 1.0, 6.0), row(4, 1.5, 7.0)]


def test_figures_are_means_and_seconds_are_a_sum() -> None:
    others = [row(1, 4.0, 1.0), row(2, 5.0, 1.0), row(3, 1.0, 1.0), row(4, 2.5, 1.0)]
    joint = joint_history([ROWS, others])
    assert [one.epoch for one in joint] == [1, 2, 3, 4]
    assert [one.validation_nll for one in joint] == [3.0, 3.0, 1.0, 2.0]
    assert [one.seconds for one in joint] == [5.0, 6.0, 7.0, 8.0]
    assert [one.train_accuracy for one in joint] == [0.5] * 4


def test_networks_of_different_lengths_have_no_joint_history() -> None:
    with pytest.raises(ValueError, match="zip"):
        joint_history([ROWS, ROWS[:2]])


def test_the_best_epoch_is_the_first_of_the_lowest() -> None:
    assert best_row(ROWS) == ROWS[1]
    assert seconds_to_best_epoch(ROWS) == 9.0


def test_written_rows_are_read_again(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", ROWS)
    assert read_history(tmp_path / "history.csv") == ROWS
