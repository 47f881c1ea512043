"""The one engine that compares finished runs; report and benchmark show its figures.

Every figure is a mean over seeds with a 95 % interval over seeds and images, and every difference is paired: all runs of a
seed see the same resamples. Whether seeds are tested on the same images or each on its own is read from the runs.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfp_insects.compare.answers import Answers
from tfp_insects.errors import InputError
from tfp_insects.metrics.arrays import FloatArray, IntArray
from tfp_insects.metrics.bootstrap import (
    NUM_RESAMPLES,
    Interval,
    Resampled,
    Statistic,
    bootstrap_over_seeds,
)
from tfp_insects.metrics.cross_validation import widened
from tfp_insects.metrics.metric_table import all_metrics, find_metric, unknown_metrics
from tfp_insects.runs.run_key import RunKey

SEED = 0
Seeds = tuple[int, ...]
Key = tuple[str, int, str]  # Model, images a class, metric.


@dataclasses.dataclass(frozen=True)
class Figure:
    """A metric of one model and size, averaged over seeds, with its 95 % interval."""

    model: str
    n_per_class: int
    metric: str
    interval: Interval
    num_seeds: int


class Comparison:
    """All figures of some runs.

    Args:
        answers: Of runs whose test images are the same for all runs of one seed.
        num_resamples: Of each bootstrap.
        on_figure: Called for each figure of a model and size that was computed on some of the resamples.

    Raises:
        InputError: Two runs of one seed were tested on different images, or two were asked about different images of no
            known class.
    """

    def __init__(
        self,
        answers: Iterable[Answers],
        num_resamples: int = NUM_RESAMPLES,
        on_figure: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_figure = on_figure
        self._by_key = {one.key: one for one in answers}
        self._num_resamples = num_resamples
        self._by_seeds: dict[Seeds, dict[Key, Resampled]] = {}
        _require_same_images(list(self._by_key.values()))

    @property
    def runs(self) -> list[RunKey]:
        """The runs that are compared."""
        return list(self._by_key)

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of the answers."""
        return list(dict.fromkeys(key.model for key in self._by_key))

    @property
    def sizes(self) -> list[int]:
        """Numbers of training images a class, increasing."""
        return sorted({key.n_per_class for key in self._by_key})

    @property
    def has_shared_images(self) -> bool:
        """Whether all seeds are tested on the same images; else each has its own."""
        return len({one.example_ids for one in self._by_key.values()}) == 1

    def sizes_of(self, model: str) -> list[int]:
        """Sizes at which a model was run, increasing."""
        return sorted({key.n_per_class for key in self._by_key if key.model == model})

    def answers(self, model: str, n_per_class: int) -> list[Answers]:
        """Answers of one model and size, by seed."""
        return [self.get(model, n_per_class, seed) for seed in self.seeds(model, n_per_class)]

    def get(self, model: str, n_per_class: int, seed: int) -> Answers:
        """One run's answers."""
        return self._by_key[RunKey(model, n_per_class, seed)]

    def seeds(self, model: str, n_per_class: int, metric: str = "") -> Seeds:
        """Seeds with which a model was run at a size, increasing; those of which a metric says something, if one is named."""
        found = [one for one in self._by_key.values() if (one.key.model, one.key.n_per_class) == (model, n_per_class)]
        return tuple(sorted(one.key.seed for one in found if not metric or metric in one.statistics))

    def variance_factor(self, model: str, n_per_class: int) -> float:
        """By how much resampled images vary too little for a model and size: 1 but for a cross-validation."""
        return max(one.variance_factor for one in self.answers(model, n_per_class))

    @property
    def has_folds(self) -> bool:
        """Whether figures are of cross-validations."""
        return any(one.variance_factor != 1.0 for one in self._by_key.values())

    def metrics(self, model: str, n_per_class: int) -> list[str]:
        """Metrics that say something of a model at a size, in their order."""
        return [metric.name for metric in all_metrics() if self.seeds(model, n_per_class, metric.name)]

    def figure(self, model: str, n_per_class: int, metric: str) -> Figure:
        """A metric of one model and size: its mean over seeds with its interval."""
        seeds = self.seeds(model, n_per_class, metric)
        interval = find_metric(metric).interval(self.resampled(seeds, model, n_per_class, metric))
        return Figure(model, n_per_class, metric, interval, len(seeds))

    def figures(self, model: str, n_per_class: int) -> dict[str, Figure]:
        """All figures of one model and size by metric."""
        return {name: self.figure(model, n_per_class, name) for name in self.metrics(model, n_per_class)}

    def resampled(self, seeds: Seeds, model: str, n_per_class: int, metric: str) -> Resampled:
        """The mean over some seeds of a metric; figures of the same seeds are of the same resamples, so paired."""
        if seeds not in self._by_seeds:
            self._by_seeds[seeds] = self._resample(seeds)
        return self._by_seeds[seeds][model, n_per_class, metric]

    def _resample(self, seeds: Seeds) -> dict[Key, Resampled]:
        """Every metric of every model and size that was run with all these seeds, on the same resamples."""
        of_unknown = {metric.name for metric in unknown_metrics()}
        keys = [
            (model, size, metric.name)
            for model in self.models
            for size in self.sizes_of(model)
            for metric in all_metrics()
            if set(seeds) <= set(self.seeds(model, size, metric.name))
        ]
        first = [next(one for key, one in self._by_key.items() if key.seed == seed) for seed in seeds]
        num_known = [len(one.labels) for one in first]
        is_shared = len({one.example_ids for one in first}) == 1
        found = bootstrap_over_seeds(
            [self._joint(seed, keys, of_unknown, num) for seed, num in zip(seeds, num_known, strict=True)],
            [0] * len(seeds) if is_shared else num_known,
            num_shared=[*(num_known[:1] if is_shared else []), *self._num_unknown(keys, of_unknown)],
            seed=SEED,
            num_resamples=self._num_resamples,
        )
        factors = [self.variance_factor(model, size) for model, size, _ in keys]
        return {key: widened(found.part(i), factors[i]) for i, key in enumerate(keys)}

    def _joint(self, seed: int, keys: Sequence[Key], of_unknown: set[str], num_known: int) -> Statistic:
        """All figures of a seed's runs as one statistic; the counts of known images come first."""
        statistics = [(self.get(model, size, seed).statistics[name], name in of_unknown) for model, size, name in keys]

        def values(counts: IntArray) -> FloatArray:
            known = counts[:, :num_known]
            found = []
            for statistic, is_ood in statistics:
                found.append(statistic(counts if is_ood else known))
                self._on_figure()
            return np.stack(found, axis=1)

        return values

    def _num_unknown(self, keys: Sequence[Key], of_unknown: set[str]) -> list[int]:
        """Number of images of no known class, if a figure needs them."""
        if of_unknown.isdisjoint(name for _, _, name in keys):
            return []
        return [next(one.ood.probabilities.shape[1] for one in self._by_key.values() if one.ood is not None)]


def _require_same_images(answers: Sequence[Answers]) -> None:
    """Refuses runs whose figures cannot be paired."""
    if not answers:
        raise ValueError("answers: expected those of one run or more, got none")
    of_seed = {one.key.seed: one for one in reversed(answers)}
    asked = next((one for one in answers if one.ood is not None), None)
    for one in answers:
        first = of_seed[one.key.seed]
        if one.example_ids != first.example_ids or not np.array_equal(one.labels, first.labels):
            raise _difference(first, one, "tested on the same images")
        if asked is not None and one.ood is not None and _ood_images(one) != _ood_images(asked):
            raise _difference(asked, one, "asked about the same images of no known class")


def _ood_images(answers: Answers) -> tuple[str, int]:
    assert answers.ood is not None
    return answers.ood.fingerprint, answers.ood.probabilities.shape[1]


def _difference(first: Answers, other: Answers, what: str) -> InputError:
    return InputError(
        f"{first.key.name} and {other.key.name} were not {what}, so their figures cannot be compared: keep runs of "
        f"other data or another split in a work directory of their own"
    )
