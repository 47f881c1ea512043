"""One row an epoch, as a CSV file that a broken run can go on with."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import written_whole


@dataclasses.dataclass(frozen=True)
class EpochRow:
    """Figures of one epoch.

    Attributes:
        epoch: From 1.
        train_loss: Training NLL plus the divergence's share, nats an image (cross-entropy for the CNN).
        train_nll: Mean cross-entropy over the epoch's batches, with the noise and dropout of training, nats an image.
        train_accuracy: Share of right answers over the epoch's batches, as above.
        validation_loss: Validation NLL plus the divergence's share, nats an image.
        validation_nll: NLL of the Monte Carlo averaged probabilities of the validation images, nats an image.
        validation_accuracy: Their accuracy.
        kl: KL(posterior || prior) in nats, not weighted.
        seconds: Time of the epoch's training steps, input pipeline included, validation excluded.
        validation_seconds: Time of its validation; 0 in files of versions that did not measure it.
    """

    epoch: int
    train_loss: float
    train_nll: float
    train_accuracy: float
    validation_loss: float
    validation_nll: float
    validation_accuracy: float
    kl: float
    seconds: float
    validation_seconds: float = 0.0


FIELDS = tuple(field.name for field in dataclasses.fields(EpochRow))


class History:
    """The rows of a run, on disk after each epoch.

    Args:
        path: The run's `history.csv`.
        num_rows: Rows of an existing file that count; later ones are from epochs that will be run again.

    Raises:
        InputError: The file cannot be read or written, or has fewer rows.
    """

    def __init__(self, path: Path, num_rows: int) -> None:
        self._path = path
        self.rows = read_history(path)[:num_rows] if path.exists() and num_rows else []
        if len(self.rows) < num_rows:
            raise InputError(
                f"{path} holds {len(self.rows)} epochs; the checkpoint beside it is of epoch {num_rows}: "
                "remove the run's directory and run again"
            )
        self._write()

    def append(self, row: EpochRow) -> None:
        """Adds a row."""
        self.rows.append(row)
        self._write()

    def _write(self) -> None:
        write_history(self._path, self.rows)


def write_history(path: Path, rows: Sequence[EpochRow]) -> None:
    """Writes a `history.csv`, complete or not at all."""
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(dataclasses.astuple(row) for row in rows)


def read_history(path: Path) -> list[EpochRow]:
    """Reads the rows of a `history.csv`.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with path.open(newline="") as file:
            return [
                EpochRow(int(row.pop("epoch")), **{k: float(v) for k, v in row.items()}) for row in csv.DictReader(file)
            ]
    except (OSError, AttributeError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}): remove the run's directory and run again") from error


def joint_history(histories: Sequence[list[EpochRow]]) -> list[EpochRow]:
    """One history for several networks that were trained alike: figures are means over them, seconds their sum."""
    rows = []
    for same_epoch in zip(*histories, strict=True):
        means = {name: float(np.mean([getattr(row, name) for row in same_epoch])) for name in FIELDS}
        sums = {name: means[name] * len(same_epoch) for name in ("seconds", "validation_seconds")}
        rows.append(EpochRow(**{**means, **sums, "epoch": same_epoch[0].epoch}))
    return rows


def best_row(rows: Sequence[EpochRow]) -> EpochRow:
    """The epoch of lowest validation NLL, the first of several."""
    return min(rows, key=lambda row: row.validation_nll)


def seconds_to_best_epoch(rows: Sequence[EpochRow]) -> float:
    """Training time up to the end of that epoch."""
    return sum(row.seconds for row in rows if row.epoch <= best_row(rows).epoch)
