"""The study's figures with their intervals: how good each model is, how the twins differ, what training costs."""

import dataclasses
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tfp_insects.metrics.bootstrap import (
    Interval,
    McNemarResult,
    Statistic,
    difference_of,
    mcnemar_test,
    seeds_interval,
)
from tfp_insects.metrics.intervals import METHODS, metric_statistics
from tfp_insects.metrics.scores import example_correct
from tfp_insects.runs.run_set import Run, Study

NUM_RESAMPLES = 1000
BOOTSTRAP_SEED = 0


class Metric(NamedTuple):
    """How a metric is shown.

    Attributes:
        name: Its name in records.
        label: What the page calls it.
        unit: Unit after scaling.
        scale: Factor from the record's unit to the page's.
        decimals: Digits after the point.
        is_better_high: Whether more is better.
    """

    name: str
    label: str
    unit: str
    scale: float
    decimals: int
    is_better_high: bool


METRICS = (
    Metric("accuracy", "Accuracy", "points", 100.0, 1, True),
    Metric("nll", "NLL", "nats", 1.0, 3, False),
    Metric("brier", "Brier score", "", 1.0, 3, False),
    Metric("ece", "ECE", "points", 100.0, 1, False),
    Metric("aurc", "AURC", "points", 100.0, 1, False),
)
METRIC = {metric.name: metric for metric in METRICS}


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric of one model and size, averaged over seeds, with its 95 % interval."""

    model: str
    n_per_class: int
    metric: str
    interval: Interval
    num_seeds: int


@dataclasses.dataclass(frozen=True)
class Difference:
    """Second minus first twin in one metric at one size, averaged over the seeds that both have."""

    n_per_class: int
    metric: str
    interval: Interval
    num_seeds: int


@dataclasses.dataclass(frozen=True)
class TimeRatio:
    """Training times of the twins at one size, averaged over the seeds that both have.

    Attributes:
        n_per_class: Images a class.
        first_seconds: Of a training run of the first twin.
        second_seconds: Of the second.
        lowest: Lowest ratio second / first over the seeds.
        highest: Highest.
        step_ratio: Ratio of the medians over epochs of the time of a step.
        num_seeds: Seeds that both have.
    """

    n_per_class: int
    first_seconds: float
    second_seconds: float
    lowest: float
    highest: float
    step_ratio: float
    num_seeds: int

    @property
    def ratio(self) -> float:
        """How many times as long the second takes."""
        return self.second_seconds / self.first_seconds


class Quality:
    """All figures of a study.

    Args:
        study: The runs.
        num_resamples: Resamples of each bootstrap.
    """

    def __init__(self, study: Study, num_resamples: int = NUM_RESAMPLES) -> None:
        self._study = study
        self._num_resamples = num_resamples
        self._statistics = {id(run): metric_statistics(run.probabilities, run.labels) for run in study.runs}

    @cached_property
    def figures(self) -> dict[tuple[str, int, str], Figure]:
        """Figures by (model, n_per_class, metric)."""
        found = {}
        for model in self._study.models:
            for size in self._study.sizes_of(model):
                runs = self._study.select(model, size)
                for metric in METRICS:
                    statistics = [self._statistics[id(run)][metric.name] for run in runs]
                    interval = _not_negative(self._interval(statistics, runs, metric.name))
                    found[model, size, metric.name] = Figure(model, size, metric.name, interval, len(runs))
        return found

    @cached_property
    def differences(self) -> dict[tuple[int, str], Difference]:
        """Second minus first twin by (n_per_class, metric); empty without both twins."""
        pair = self._study.pair
        if pair is None:
            return {}
        return {
            (size, metric.name): self._difference(size, metric.name)
            for size in self._study.paired_sizes(pair)
            for metric in METRICS
        }

    def mcnemar(self, n_per_class: int) -> list[tuple[int, McNemarResult]]:
        """McNemar's test of the twins for each seed: first and second twin as in `Study.pair`."""
        return [
            (first.seed, mcnemar_test(_correct(first), _correct(second))) for first, second in self._pairs(n_per_class)
        ]

    def time_ratio(self, n_per_class: int) -> TimeRatio:
        """Training times of the twins at one size."""
        pairs = self._pairs(n_per_class)
        seconds = np.array([[run.record["train_seconds"] for run in pair] for pair in pairs], dtype=np.float64)
        steps = np.array([[run.record["seconds_per_step"] for run in pair] for pair in pairs], dtype=np.float64)
        ratios = seconds[:, 1] / seconds[:, 0]
        return TimeRatio(
            n_per_class,
            first_seconds=float(seconds[:, 0].mean()),
            second_seconds=float(seconds[:, 1].mean()),
            lowest=float(ratios.min()),
            highest=float(ratios.max()),
            step_ratio=float(steps[:, 1].mean() / steps[:, 0].mean()),
            num_seeds=len(pairs),
        )

    def _pairs(self, n_per_class: int) -> list[tuple[Run, Run]]:
        pair = self._study.pair
        return self._study.paired(pair, n_per_class) if pair else []

    def _difference(self, size: int, metric: str) -> Difference:
        pairs = self._pairs(size)
        statistics = [
            difference_of(self._statistics[id(second)][metric], self._statistics[id(first)][metric])
            for first, second in pairs
        ]
        interval = self._interval(statistics, [first for first, _ in pairs], metric)
        return Difference(size, metric, interval, len(pairs))

    def _interval(self, statistics: list[Statistic], runs: list[Run], metric: str) -> Interval:
        return seeds_interval(
            statistics,
            [len(run.labels) for run in runs],
            shared_images=True,
            seed=BOOTSTRAP_SEED,
            num_resamples=self._num_resamples,
            method=METHODS.get(metric, "percentile"),
        )


def _correct(run: Run) -> np.ndarray:
    return example_correct(run.probabilities, run.labels)


def _not_negative(interval: Interval) -> Interval:
    return Interval(interval.estimate, max(interval.low, 0.0), max(interval.high, 0.0))
