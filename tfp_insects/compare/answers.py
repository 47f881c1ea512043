"""What one finished run answers: the part of it that is compared."""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from tfp_insects.compare.calibration import choosing_half
from tfp_insects.errors import InputError
from tfp_insects.metrics import chosen_score
from tfp_insects.metrics.arrays import BoolArray, FloatArray
from tfp_insects.metrics.bootstrap import Statistic
from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.metric_table import labelled_metrics, ood_metrics, ood_scores
from tfp_insects.runs.layout import OOD_NAME, VALIDATION_NAME
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey

Split = Literal["validation", "test"]

# Fields of a record that say how long something took. A record may lack the last.
TIMES = ("seconds_to_best_epoch", "train_seconds", "seconds_per_step", "predict_seconds")
WHOLE_RUN = "run_seconds"  # With reading, validation and all answers; in older records training and test answers alone.


class Ood(NamedTuple):
    """Predictions for images of no known class.

    Attributes:
        probabilities: float32 `[num_samples, num_ood, num_classes]`.
        fingerprint: SHA-256 over the images.
        is_choosing: Which of the images choose a score, bool `[num_ood]`, see `calibration.choosing_half`; empty where that
            is not known.
        leverage: float32 `[num_ood]`, see `Draws`; none where the run has none.
    """

    probabilities: np.ndarray
    fingerprint: str
    is_choosing: BoolArray = np.zeros(0, bool)
    leverage: np.ndarray | None = None

    def at(self, is_chosen: BoolArray) -> Draws:
        """The predictions for some of the images."""
        return Draws(self.probabilities[:, is_chosen], None if self.leverage is None else self.leverage[is_chosen])


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
        key: Its model, size and seed.
        probabilities: float32 `[num_samples, num_examples, num_classes]`.
        labels: int `[num_examples]`.
        example_ids: Of the images.
        ood: Predictions for images of no known class; none where they were not asked for.
        validation: Predictions for validation images, if there are any: they choose a score.
        seconds: How long it took: those of `TIMES` that are known.
        variance_factor: See `Run.variance_factor`.
        leverage: float32 `[num_examples]`, see `Draws`; none where the run has none.
    """

    key: RunKey
    probabilities: np.ndarray
    labels: np.ndarray
    example_ids: tuple[str, ...]
    ood: Ood | None = None
    validation: Draws | None = None
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    variance_factor: float = 1.0
    leverage: np.ndarray | None = None

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
        return {**({WHOLE_RUN: sum(whole)} if len(whole) == 2 else {}), **self.seconds}

    @cached_property
    def _measured(self) -> _Measured:
        draws = LabelledDraws(self.probabilities, self.labels, self.leverage)
        found = {
            one.name: one.statistic(draws) for one in labelled_metrics() if draws.has_several or not one.needs_draws
        }
        if self.ood is None:
            return _Measured(found, draws.correct, None)
        ood = self.ood.at(np.ones(self.ood.probabilities.shape[1], bool))
        for one in ood_metrics():
            if one.score.speaks_of(draws) and one.score.speaks_of(ood):
                found[one.name] = one.statistic(one.score.score(draws), one.score.score(ood))
        found |= self._of_chosen_score(draws, ood)
        return _Measured(found, draws.correct, Entropies(draws.predictive_entropy, ood.predictive_entropy))

    def _of_chosen_score(self, draws: Draws, ood: Draws) -> dict[str, Statistic]:
        if self.validation is None or self.ood is None or not self.ood.is_choosing.any():
            return {}
        score = chosen_score.choose_score(ood_scores(), self.validation, self.ood.at(self.ood.is_choosing))
        return {chosen_score.METRIC.name: chosen_score.judged_auroc(score, draws, ood, ~self.ood.is_choosing)}


def answers_of(run: Run, split: Split = "test") -> Answers:
    """A run's answers on its test images, and on images of no known class where it was asked about them.

    On validation images, it need not be finished, and is asked about no others.

    Raises:
        InputError: A file is cut off, or does not hold what the record says.
    """
    found = run.test if split == "test" else run.validation
    return Answers(
        key=RunKey(run.model, run.n_per_class, run.seed),
        probabilities=found.probabilities,
        labels=found.labels,
        example_ids=found.example_ids,
        ood=_ood(run) if split == "test" else None,
        validation=_validation(run) if split == "test" else None,
        seconds=_seconds(run),
        variance_factor=run.variance_factor,
        leverage=found.leverage,
    )


def _seconds(run: Run) -> dict[str, float]:
    recorded = {name: run.record[name] for name in (*TIMES, WHOLE_RUN) if name in run.record} if run.is_finished else {}
    return {"seconds_to_best_epoch": run.seconds_to_best_epoch, "train_seconds": run.train_seconds} | recorded


def _ood(run: Run) -> Ood | None:
    predictions, record = run.ood, run.record
    if predictions is None:
        return None
    expected = (record["num_draws"], record["num_ood_examples"], len(record["class_names"]))
    if predictions.probabilities.shape != expected:
        raise InputError(
            f"{run.directory / OOD_NAME}: probabilities have shape {predictions.probabilities.shape}; the record says "
            f"{expected}"
        )
    is_choosing = choosing_half(predictions.example_ids)
    return Ood(predictions.probabilities, record["ood_fingerprint"], is_choosing, predictions.leverage)


def _validation(run: Run) -> Draws | None:
    """Those of a cross-validation are its test images, by which nothing may be chosen; older runs have kept none."""
    is_known = run.num_folds == 0 and (run.directory / VALIDATION_NAME).exists()
    return run.validation.draws if is_known else None
