"""How sure a figure is: bootstrap intervals over test images, paired differences, intervals over seeds, McNemar's test.

A figure is given as a `Statistic`: a function that takes counts, int64 [num_resamples, num_examples], how often each
image occurs in each resample, and returns the figure of each resample, float64 [num_resamples]. All resamples are
evaluated at once, which is why this does not call `scipy.stats.bootstrap`, and two statistics given the same counts are
paired.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
from scipy import stats

from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_correct, checked_scores

Statistic = Callable[[IntArray], FloatArray]
Method = Literal["percentile", "basic"]

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


@dataclasses.dataclass(frozen=True)
class McNemarResult:
    """Two models' right and wrong answers on the same images.

    Attributes:
        only_first_correct: images that only the first model gets right.
        only_second_correct: images that only the second model gets right.
        p_value: two-sided, exact.
    """

    only_first_correct: int
    only_second_correct: int
    p_value: float


def mean_of(values: npt.ArrayLike) -> Statistic:
    """Returns the statistic that is the mean of a per-image value (NLL, Brier score, correctness), [num_examples].

    Raises:
        ValueError: values that are not one-dimensional, empty or not finite.
    """
    checked = checked_scores(values, "values")
    return lambda counts: (counts @ checked) / counts.sum(axis=1)


def difference_of(first: Statistic, second: Statistic) -> Statistic:
    """Returns the statistic first - second, both on the same images of the same resample."""
    return lambda counts: first(counts) - second(counts)


def bootstrap_interval(
    statistic: Statistic,
    num_examples: int | Sequence[int],
    *,
    seed: int,
    num_resamples: int = 2000,
    level: float = 0.95,
    method: Method = "percentile",
) -> Interval:
    """Returns a statistic and its bootstrap interval over images (Efron & Tibshirani 1993, chapters 13 and 16).

    Args:
        statistic: see the module.
        num_examples: number of images; or of each of several sets that are resampled each for itself (in-distribution
            and out-of-distribution images), whose counts the statistic gets side by side.
        seed: equal seeds and numbers of images give equal resamples.
        num_resamples: number of resamples.
        level: coverage of the interval.
        method: `percentile`: the quantiles of the resamples. `basic`: 2 x estimate minus these quantiles, swapped;
            right for a figure that resampling biases. The calibration error is one: noise raises it, and repeated
            images raise it further, so that its percentile interval can miss the true value almost always. Where the
            bias is large, the estimate itself lies outside its basic interval.

    Raises:
        ValueError: a number of images or resamples below 1, or a level outside (0, 1).
    """
    sizes = _checked_sizes(num_examples)
    values = _resampled_values(statistic, sizes, num_resamples, np.random.default_rng(seed))
    estimate = float(statistic(np.ones((1, sum(sizes)), dtype=np.int64))[0])
    return _interval(estimate, values, level, method)


def seeds_interval(
    statistics: Sequence[Statistic],
    num_examples: Sequence[int | Sequence[int]],
    *,
    shared_images: bool,
    seed: int,
    num_resamples: int = 2000,
    level: float = 0.95,
    method: Method = "percentile",
) -> Interval:
    """Returns the mean over seeds of a statistic and its hierarchical bootstrap interval, over seeds and images.

    Each resample draws as many seeds as there are, with replacement, then images for each seed drawn (Davison & Hinkley
    1997, section 3.8). With few seeds this is too narrow by up to sqrt((num_seeds - 1) / num_seeds) in its part between
    seeds.

    Args:
        statistics: one for each seed; to compare two models, `difference_of` theirs.
        num_examples: for each seed, as in `bootstrap_interval`.
        shared_images: true where all seeds are tested on the same images, which are then resampled jointly for all.
        seed: of the bootstrap itself.
        num_resamples: number of resamples.
        level: coverage of the interval.
        method: see `bootstrap_interval`.

    Raises:
        ValueError: no seed, not one `num_examples` for each of `statistics`, unequal ones with shared images, a number
            of images or resamples below 1, or a level outside (0, 1).
    """
    sizes = _checked_sizes_of_seeds(num_examples, len(statistics), shared_images)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(statistics), size=(num_resamples, len(statistics)))
    if shared_images:
        means = _means_on_shared_images(statistics, sizes[0], drawn, rng)
    else:
        means = _means_on_own_images(statistics, sizes, drawn, rng)
    ones = [np.ones((1, sum(parts)), dtype=np.int64) for parts in sizes]
    estimate = float(np.mean([statistic(one)[0] for statistic, one in zip(statistics, ones, strict=True)]))
    return _interval(estimate, means, level, method)


def mcnemar_test(first_correct: npt.ArrayLike, second_correct: npt.ArrayLike) -> McNemarResult:
    """Returns McNemar's exact test of equal accuracy on the same images (McNemar 1947; exact: binomial, p = 1/2).

    Args:
        first_correct: bool [num_examples].
        second_correct: bool [num_examples], same images in the same order.

    Raises:
        ValueError: not bool, or shapes that differ.
    """
    first = checked_correct(first_correct, np.size(first_correct), "first_correct")
    second = checked_correct(second_correct, first.size, "second_correct")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    p_value = float(stats.binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemarResult(only_first, only_second, p_value)


def _means_on_shared_images(
    statistics: Sequence[Statistic], sizes: tuple[int, ...], drawn: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Returns the mean over the seeds drawn, all on the same resampled images, float64 [num_resamples]."""

    def of_every_seed(counts: IntArray) -> FloatArray:
        return np.stack([statistic(counts) for statistic in statistics], axis=1)

    values = _resampled_values(of_every_seed, sizes, len(drawn), rng)
    return np.take_along_axis(values, drawn, axis=1).mean(axis=1)


def _means_on_own_images(
    statistics: Sequence[Statistic], sizes: list[tuple[int, ...]], drawn: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Returns the mean over the seeds drawn, each time a seed is drawn on new resampled images, [num_resamples]."""
    values = np.empty(drawn.shape)
    for index, statistic in enumerate(statistics):
        places = drawn == index
        if places.any():
            values[places] = _resampled_values(statistic, sizes[index], int(places.sum()), rng)
    return values.mean(axis=1)


def _resampled_values(
    statistic: Statistic, sizes: tuple[int, ...], num_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """Returns the statistic of each resample, float64 [num_resamples, ...]."""
    if num_resamples < 1:
        raise ValueError(f"num_resamples: expected 1 or more, got {num_resamples}")
    at_once = max(1, MAX_COUNTS_PER_CALL // sum(sizes))
    values = []
    for start in range(0, num_resamples, at_once):
        num = min(at_once, num_resamples - start)
        parts = [rng.multinomial(size, np.full(size, 1.0 / size), size=num) for size in sizes]
        values.append(statistic(np.concatenate(parts, axis=1)))
    return np.concatenate(values)


def _interval(estimate: float, values: FloatArray, level: float, method: Method) -> Interval:
    """Returns the interval of a statistic from its values in the resamples."""
    _check_level(level)
    low, high = (float(end) for end in np.quantile(values, [0.5 - 0.5 * level, 0.5 + 0.5 * level]))
    match method:
        case "percentile":
            return Interval(estimate, low, high)
        case "basic":
            return Interval(estimate, 2.0 * estimate - high, 2.0 * estimate - low)
        case _:
            assert_never(method)


def _checked_sizes(num_examples: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the number of images of each set that is resampled for itself."""
    sizes = tuple(int(size) for size in np.atleast_1d(num_examples))
    if not sizes or min(sizes) < 1:
        raise ValueError(f"num_examples: expected 1 or more, got {num_examples}")
    return sizes


def _checked_sizes_of_seeds(
    num_examples: Sequence[int | Sequence[int]], num_seeds: int, shared_images: bool
) -> list[tuple[int, ...]]:
    """Returns the sizes of each seed's sets of images."""
    if num_seeds < 1 or len(num_examples) != num_seeds:
        raise ValueError(f"num_examples: expected one for each of {num_seeds} statistics, got {len(num_examples)}")
    sizes = [_checked_sizes(one) for one in num_examples]
    if shared_images and len(set(sizes)) > 1:
        raise ValueError(f"num_examples: expected equal ones, as images are shared by all seeds, got {num_examples}")
    return sizes


def _check_level(level: float) -> None:
    """Raises ValueError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: expected between 0 and 1, got {level}")
