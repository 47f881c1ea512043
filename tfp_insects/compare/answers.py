"""What one finished run answers: the part of it that is compared."""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays
from tfp_insects.metrics.arrays import BoolArray, FloatArray
from tfp_insects.metrics.bootstrap import Statistic
from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.metric import Metric
from tfp_insects.metrics.metric_table import labelled_metrics, ood_metrics
from tfp_insects.runs.cells import Cell
from tfp_insects.runs.run_set import Run
from tfp_insects.study.cell_predictions import OOD_NAME, VALIDATION_NAME
from tfp_insects.study.member import HISTORY_NAME
from tfp_insects.training.history import read_history, seconds_to_best_epoch

# Fields of a record that say how long something took. A record may lack the last.
TIMES = ("seconds_to_best_epoch", "train_seconds", "seconds_per_step", "predict_seconds")
WHOLE_RUN = "run_seconds"  # Training and predictions, where a record has both.


class Ood(NamedTuple):
    """Predictions for images of no known class.

    Attributes:
        probabilities: float32 `[num_samples, num_ood, num_classes]`.
        fingerprint: SHA-256 over the images.
    """

    probabilities: np.ndarray
    fingerprint: str


class Entropies(NamedTuple):
    """Predictive entropy in nats, float64 `[num_examples]` each: of test images, and of images of no known class."""

    known: FloatArray
    ood: FloatArray


class _Measured(NamedTuple):
    statistics: dict[str, Statistic]
    correct: BoolArray
    entropies: Entropies | None


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """One run's answers.

    Attributes:
        cell: Its model, size and seed.
        probabilities: float32 `[num_samples, num_examples, num_classes]`.
        labels: int `[num_examples]`.
        example_ids: Of the images.
        ood: Predictions for images of no known class; none where they were not asked for.
        seconds: How long it took: those of `TIMES` that are known.
    """

    cell: Cell
    probabilities: np.ndarray
    labels: np.ndarray
    example_ids: tuple[str, ...]
    ood: Ood | None = None
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def has_draws(self) -> bool:
        """Whether there are several draws, so that epistemic uncertainty is defined."""
        return len(self.probabilities) > 1

    @property
    def correct(self) -> BoolArray:
        """Whether the class of highest mean probability is the label, bool `[num_examples]`."""
        return self._measured.correct

    @property
    def entropies(self) -> Entropies | None:
        """How unsure it is of known images and of others; none where it was not asked about others."""
        return self._measured.entropies

    @property
    def statistics(self) -> Mapping[str, Statistic]:
        """Each metric that says something of it, by name.

        Those of images of no known class take the counts of known images and of these side by side.
        """
        return self._measured.statistics

    @property
    def times(self) -> dict[str, float]:
        """All times that are known, the whole run's among them."""
        whole = [self.seconds[name] for name in ("train_seconds", "predict_seconds") if name in self.seconds]
        return {**self.seconds, **({WHOLE_RUN: sum(whole)} if len(whole) == 2 else {})}

    @cached_property
    def _measured(self) -> _Measured:
        draws = LabelledDraws(self.probabilities, self.labels)
        found = {one.name: one.statistic(draws) for one in labelled_metrics() if self._speaks_of(one)}
        if self.ood is None:
            return _Measured(found, draws.correct, None)
        ood = Draws(self.ood.probabilities)
        for one in ood_metrics():
            if self._speaks_of(one):
                found[one.name] = one.statistic(one.score.score(draws), one.score.score(ood))
        return _Measured(found, draws.correct, Entropies(draws.predictive_entropy, ood.predictive_entropy))

    def _speaks_of(self, metric: Metric) -> bool:
        return self.has_draws or not metric.needs_draws


def answers_of(run: Run) -> Answers:
    """A finished run's answers on its test images, and on images of no known class where it was asked about them.

    Raises:
        InputError: A file is cut off, or does not hold what the record says.
    """
    record = run.record
    return Answers(
        cell=Cell(run.model, run.n_per_class, run.seed),
        probabilities=run.probabilities,
        labels=run.labels,
        example_ids=run.example_ids,
        ood=Ood(_read_ood(run), record["ood_fingerprint"]) if "ood_fingerprint" in record else None,
        seconds={name: record[name] for name in TIMES if name in record},
    )


def read_validation(cell: Cell, workdir: Path) -> Answers:
    """A trained cell's answers on its validation images; it need not have predicted others.

    Raises:
        InputError: A file is cut off.
    """
    directory = cell.directory(workdir)
    arrays = read_arrays(directory / VALIDATION_NAME, ("probabilities", "labels", "example_ids"))
    history = read_history(directory / HISTORY_NAME)
    return Answers(
        cell=cell,
        probabilities=arrays["probabilities"],
        labels=arrays["labels"],
        example_ids=tuple(arrays["example_ids"].tolist()),
        seconds={
            "seconds_to_best_epoch": seconds_to_best_epoch(history),
            "train_seconds": sum(row.seconds for row in history),
        },
    )


def has_validation(cell: Cell, workdir: Path) -> bool:
    """Whether a cell has predicted its validation images."""
    return (cell.directory(workdir) / VALIDATION_NAME).exists()


def _read_ood(run: Run) -> np.ndarray:
    path = run.directory / OOD_NAME
    probabilities = read_arrays(path, ("probabilities",))["probabilities"]
    num_samples, _, num_classes = run.probabilities.shape
    expected = (num_samples, run.record["num_ood_examples"], num_classes)
    if probabilities.shape != expected:
        raise InputError(f"{path}: probabilities have shape {probabilities.shape}; the record says {expected}")
    return probabilities
