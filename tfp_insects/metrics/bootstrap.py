"""How sure a figure is: bootstrap intervals over test images, and over seeds and test images.

A figure is given as a `Statistic`: a function that takes counts, int64 [num_resamples, num_examples], how often each
image occurs in each resample, and returns the figure of each resample, float64 [num_resamples], or several figures,
[num_resamples, num_figures]. All resamples are evaluated at once, which is why this does not call
`scipy.stats.bootstrap`. Figures of the same resamples are paired: see `Resampled`.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_scores

Statistic = Callable[[IntArray], FloatArray]
Method = Literal["percentile", "basic"]

NUM_RESAMPLES = 2000
# Counts of one call are kept to about 32 MB.
MAX_COUNTS_PER_CALL = 2**22


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure and its interval.

    Attributes:
        estimate: the figure on the data as they are.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    estimate: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where a difference is shown: estimate and interval lie on one side of zero; else 0."""
        values = (self.low, self.estimate, self.high)
        return 1 if min(values) > 0.0 else -1 if max(values) < 0.0 else 0

    def within(self, minimum: float, maximum: float = math.inf) -> "Interval":
        """Cuts the ends off where no such figure can be: a basic interval can reach there, and one that was widened."""
        low, high = (min(max(end, minimum), maximum) for end in (self.low, self.high))
        return Interval(self.estimate, low, high)


@dataclasses.dataclass(frozen=True, eq=False)
class Resampled:
    """A figure on the data as they are and on each resample.

    Two that come from one call of `bootstrap` or `bootstrap_over_seeds` are of the same resamples, so that what is
    computed from both, resample by resample, is paired: their difference, their mean, or any function of them.

    Attributes:
        estimate: float64 [...], the figure on the data as they are.
        values: float64 [num_resamples, ...].
    """

    estimate: FloatArray
    values: FloatArray

    def __sub__(self, other: "Resampled") -> "Resampled":
        """The difference on the same resamples."""
        return Resampled(self.estimate - other.estimate, self.values - other.values)

    def part(self, index: int) -> "Resampled":
        """One of several figures."""
        return Resampled(self.estimate[..., index], self.values[..., index])

    def interval(self, method: Method = "percentile", level: float = 0.95) -> Interval:
        """Returns the interval of a single figure (Efron & Tibshirani 1993, chapters 13 and 16).

        Args:
            method: `percentile`: the quantiles of the resamples. `basic`: 2 x estimate minus these quantiles, swapped;
                right for a figure that resampling biases. The calibration error is one: noise raises it, and repeated
                images raise it further, so that its percentile interval can miss the true value almost always. Where
                the bias is large, the estimate itself lies outside its basic interval.
            level: coverage of the interval.

        Raises:
            ValueError: a level outside (0, 1), or several figures.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level: expected between 0 and 1, got {level}")
        if self.values.ndim != 1:
            raise ValueError(f"values: expected those of one figure, [num_resamples], got {list(self.values.shape)}")
        estimate = float(self.estimate)
        low, high = (float(end) for end in np.quantile(self.values, [0.5 - 0.5 * level, 0.5 + 0.5 * level]))
        match method:
            case "percentile":
                return Interval(estimate, low, high)
            case "basic":
                return Interval(estimate, 2.0 * estimate - high, 2.0 * estimate - low)
            case _:
                assert_never(method)

    def p_value(self, method: Method = "percentile") -> float:
        """Returns twice the share of resamples on the other side of zero, the interval of `method` turned around.

        It is the level at which the interval would just reach zero (Davison & Hinkley 1997, section 4.2.6), and never below
        what so many resamples can tell.
        """
        values = self.values if method == "percentile" else 2.0 * self.estimate - self.values
        least = min(int(np.sum(values <= 0.0)), int(np.sum(values >= 0.0)))
        return min(1.0, 2.0 * (1 + least) / (1 + values.size))


def combined(function: Callable[[FloatArray], FloatArray], figures: Sequence[Resampled]) -> Resampled:
    """Returns a function of several figures of the same resamples.

    Args:
        function: takes float64 [num_figures, num_resamples], returns float64 [num_resamples].
        figures: one or more single figures.
    """
    values = function(np.stack([one.values for one in figures]))
    return Resampled(function(np.stack([one.estimate for one in figures])[:, np.newaxis])[0], values)


def mean_of_figures(figures: Sequence[Resampled]) -> Resampled:
    """Returns the mean of several figures of the same resamples."""
    return combined(lambda values: values.mean(axis=0), figures)


def mean_of(values: npt.ArrayLike) -> Statistic:
    """Returns the statistic that is the mean of a per-image value (NLL, Brier score, correctness), [num_examples].

    Raises:
        ValueError: values that are not one-dimensional, empty or not finite.
    """
    checked = checked_scores(values, "values")
    return lambda counts: (counts @ checked) / counts.sum(axis=1)


def side_by_side(statistics: Sequence[Statistic]) -> Statistic:
    """Returns several figures of the same images as one statistic, float64 [num_resamples, num_figures]."""
    return lambda counts: np.stack([statistic(counts) for statistic in statistics], axis=1)


def bootstrap(
    statistic: Statistic, num_examples: int | Sequence[int], *, seed: int, num_resamples: int = NUM_RESAMPLES
) -> Resampled:
    """Returns a statistic on resamples of the images, drawn with replacement.

    Args:
        statistic: see the module.
        num_examples: number of images; or of each of several sets that are resampled each for itself (in-distribution
            and out-of-distribution images), whose counts the statistic gets side by side.
        seed: equal seeds and numbers of images give equal resamples.
        num_resamples: number of resamples.

    Raises:
        ValueError: a number of images or resamples below 1.
    """
    sizes = _checked_sizes(num_examples)
    rng = np.random.default_rng(seed)
    parts = [statistic(resampled_counts(rng, sizes, part.size)) for part in _parts(num_resamples, sum(sizes))]
    return Resampled(statistic(np.ones((1, sum(sizes)), dtype=np.int64))[0], np.concatenate(parts))


def bootstrap_interval(
    statistic: Statistic,
    num_examples: int | Sequence[int],
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    level: float = 0.95,
    method: Method = "percentile",
) -> Interval:
    """Returns the `Resampled.interval` of a single statistic's `bootstrap`, whose arguments and errors these are."""
    return bootstrap(statistic, num_examples, seed=seed, num_resamples=num_resamples).interval(method, level)


def bootstrap_over_seeds(
    statistics: Sequence[Statistic],
    num_examples: Sequence[int],
    *,
    num_shared: Sequence[int] = (),
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
) -> Resampled:
    """Returns the mean over seeds of a statistic on resamples of seeds and images (hierarchical bootstrap).

    Each resample draws as many seeds as there are, with replacement, then images (Davison & Hinkley 1997, section 3.8):
    anew for each seed drawn where they are its own, once for all where seeds share them. With few seeds this is too
    narrow by up to sqrt((num_seeds - 1) / num_seeds) in its part between seeds.

    Args:
        statistics: one for each seed; it gets the counts of the seed's own images, then those of each set shared.
        num_examples: number of images that each seed alone is tested on, in the same order; 0 where all are shared.
        num_shared: numbers of images of the sets that all seeds are tested on, each set resampled for itself.
        seed: of the bootstrap itself.
        num_resamples: number of resamples.

    Raises:
        ValueError: no seed, not one of `num_examples` for each of `statistics`, one without any image, or a number of
            resamples below 1.
    """
    _check_seeds(statistics, num_examples, num_shared)
    rng, own_rng, shared_rng = np.random.default_rng(seed).spawn(3)
    largest = max(num_examples) * len(statistics) + sum(num_shared)
    means = []
    for part in _parts(num_resamples, largest):
        drawn = rng.integers(len(statistics), size=(part.size, len(statistics)))
        shared = resampled_counts(shared_rng, num_shared, part.size)
        means.append(_values_of_drawn(statistics, num_examples, drawn, shared, own_rng).mean(axis=1))
    whole = [
        statistic(np.ones((1, num + sum(num_shared)), dtype=np.int64))[0]
        for statistic, num in zip(statistics, num_examples, strict=True)
    ]
    return Resampled(np.mean(whole, axis=0), np.concatenate(means))


def resampled_counts(rng: np.random.Generator, sizes: Sequence[int], num_resamples: int) -> IntArray:
    """Returns how often each image of each set occurs in resamples of its set, int64 [num_resamples, sum(sizes)].

    In memory the resamples of one image stand side by side, since metrics sort and sum images, for all resamples alike.
    """
    parts = [np.zeros((0, num_resamples), dtype=np.int64)]
    for size in sizes:
        if size:  # Counting drawn images is several times as fast as drawing the counts from a multinomial.
            drawn = num_resamples * rng.integers(size, size=(num_resamples, size))
            drawn += np.arange(num_resamples)[:, np.newaxis]
            counts = np.bincount(drawn.ravel(), minlength=num_resamples * size)
            parts.append(counts.reshape(size, num_resamples))
    return np.concatenate(parts).T


def _values_of_drawn(
    statistics: Sequence[Statistic],
    num_examples: Sequence[int],
    drawn: IntArray,
    shared: IntArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Returns the statistic of each seed drawn, float64 [num_resamples, num_seeds, ...]."""
    found: dict[int, FloatArray] = {}
    if not any(num_examples):  # Equal images for each time that a seed was drawn: no need to evaluate it again.
        values = np.stack([statistic(shared) for statistic in statistics], axis=1)
        return values[np.arange(len(drawn))[:, np.newaxis], drawn]
    for index in np.unique(drawn):
        resample, _ = np.nonzero(drawn == index)
        own = resampled_counts(rng, [num_examples[index]], resample.size)
        found[index] = statistics[index](np.concatenate([own.T, shared.T[:, resample]]).T)
    first = next(iter(found.values()))
    values = np.empty((*drawn.shape, *first.shape[1:]))
    for index, one in found.items():
        values[drawn == index] = one
    return values


def _parts(num_resamples: int, num_counts: int) -> Iterator[IntArray]:
    """Gives indices of the resamples in parts whose counts fit memory, `num_counts` a resample."""
    if num_resamples < 1:
        raise ValueError(f"num_resamples: expected 1 or more, got {num_resamples}")
    at_once = max(1, MAX_COUNTS_PER_CALL // num_counts)
    for start in range(0, num_resamples, at_once):
        yield np.arange(start, min(start + at_once, num_resamples))


def _checked_sizes(num_examples: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the number of images of each set that is resampled for itself."""
    sizes = tuple(int(size) for size in np.atleast_1d(num_examples))
    if not sizes or min(sizes) < 1:
        raise ValueError(f"num_examples: expected 1 or more, got {num_examples}")
    return sizes


def _check_seeds(statistics: Sequence[Statistic], num_examples: Sequence[int], num_shared: Sequence[int]) -> None:
    """Raises ValueError unless each seed has images."""
    if not statistics or len(num_examples) != len(statistics):
        raise ValueError(
            f"num_examples: expected one for each of {len(statistics)} statistics, got {len(num_examples)}"
        )
    if min(num_examples) < 0 or min([1, *num_shared]) < 1:
        raise ValueError(f"num_examples, num_shared: expected no negative number, got {num_examples}, {num_shared}")
    if min(num_examples) + sum(num_shared) < 1:
        raise ValueError(f"num_examples: expected 1 or more where no images are shared, got {num_examples}")
