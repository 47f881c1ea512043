"""Two models compared: paired differences, McNemar's test, and how many times as long one takes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfp_insects.compare.answers import Answers
from tfp_insects.compare.comparison import Comparison, Seeds
from tfp_insects.metrics.bootstrap import Interval, Resampled, mean_of_figures
from tfp_insects.metrics.mcnemar import McNemarResult, mcnemar_test
from tfp_insects.metrics.metric_table import find_metric


@dataclasses.dataclass(frozen=True)
class Difference:
    """The model minus its reference in one metric, averaged over the seeds that both have, with its 95 % interval.

    Attributes:
        metric: The metric's name.
        interval: The difference.
        num_seeds: Seeds that both have.
        p_value: Of no difference, see `Resampled.p_value`.
    """

    metric: str
    interval: Interval
    num_seeds: int
    p_value: float = 1.0


@dataclasses.dataclass(frozen=True)
class TimeRatio:
    """How long the model and its reference take at one size, averaged over the seeds that both have.

    Attributes:
        seconds: Of the model.
        reference_seconds: Of the reference.
        lowest: Lowest ratio over the seeds.
        highest: Highest.
        num_seeds: Seeds that both have.
    """

    seconds: float
    reference_seconds: float
    lowest: float
    highest: float
    num_seeds: int

    @property
    def ratio(self) -> float:
        """How many times as long the model takes."""
        return self.seconds / self.reference_seconds


class Pair:
    """A model and its reference, on the same images.

    Args:
        comparison: Of all runs.
        model: The model whose differences to the reference are told.
        reference: The other.
    """

    def __init__(self, comparison: Comparison, model: str, reference: str) -> None:
        self._comparison = comparison
        self.model = model
        self.reference = reference

    @property
    def sizes(self) -> list[int]:
        """Sizes at which both were run with a seed in common, increasing."""
        return [size for size in self._comparison.sizes if self.seeds(size)]

    def seeds(self, n_per_class: int, metric: str = "") -> Seeds:
        """Seeds that both have at a size; those of which a metric says something, if one is named."""
        both = [set(self._comparison.seeds(name, n_per_class, metric)) for name in (self.model, self.reference)]
        return tuple(sorted(set.intersection(*both)))

    def differences(self, n_per_class: int) -> dict[str, Difference]:
        """All differences at a size by metric."""
        found = {}
        for name in self._comparison.metrics(self.model, n_per_class):
            seeds = self.seeds(n_per_class, name)
            if seeds:
                found[name] = _difference(name, self._resampled(seeds, n_per_class, name), len(seeds))
        return found

    def differences_over_sizes(self, largest: int | None = None) -> dict[str, Difference]:
        """All differences averaged over the sizes of the pair, by metric, over the seeds that both have at each of them.

        Sizes are those up to the largest, if one is named. All sizes of a seed are tested on the same images, which are
        resampled for all of them together. A metric that a size lacks, or without a seed that all sizes have, is left out.
        """
        found = {}
        sizes = [size for size in self.sizes if largest is None or size <= largest]
        for name in dict.fromkeys(name for size in sizes for name in self._comparison.metrics(self.model, size)):
            seeds = tuple(sorted(set.intersection(*(set(self.seeds(size, name)) for size in sizes))))
            if seeds:
                mean = mean_of_figures([self._resampled(seeds, size, name) for size in sizes])
                found[name] = _difference(name, mean, len(seeds))
        return found

    def mcnemar(self, n_per_class: int) -> list[tuple[int, McNemarResult]]:
        """Each seed with McNemar's test of equal accuracy, the model first and its reference second.

        Not over all seeds together: each may cut its test set from the same images, so that one image is in several. None
        of a cross-validation, whose images are not answered independently of each other, as the test takes them to be.
        """
        if self._comparison.has_folds:
            return []
        return [(one.key.seed, mcnemar_test(one.correct, other.correct)) for one, other in self._answers(n_per_class)]

    def time_ratios(self, n_per_class: int) -> dict[str, TimeRatio]:
        """How many times as long the model takes, by the name of the time, see `Answers.times`."""
        pairs = self._answers(n_per_class)
        names = dict.fromkeys(name for one, _ in pairs for name in one.times)
        complete = [name for name in names if all(name in one.times for pair in pairs for one in pair)]
        return {name: _time_ratio([(one.times[name], other.times[name]) for one, other in pairs]) for name in complete}

    def _answers(self, n_per_class: int) -> list[tuple[Answers, Answers]]:
        get = self._comparison.get
        return [
            (get(self.model, n_per_class, seed), get(self.reference, n_per_class, seed))
            for seed in self.seeds(n_per_class)
        ]

    def _resampled(self, seeds: Seeds, n_per_class: int, metric: str) -> Resampled:
        own, other = (
            self._comparison.resampled(seeds, name, n_per_class, metric) for name in (self.model, self.reference)
        )
        return own - other


def _difference(name: str, resampled: Resampled, num_seeds: int) -> Difference:
    metric = find_metric(name)
    p_value = resampled.p_value(metric.interval_method)
    return Difference(name, metric.difference_interval(resampled), num_seeds, p_value)


def _time_ratio(seconds: Sequence[tuple[float, float]]) -> TimeRatio:
    own, other = np.array(seconds, dtype=np.float64).T
    ratios = own / other
    return TimeRatio(float(own.mean()), float(other.mean()), float(ratios.min()), float(ratios.max()), len(seconds))
