"""What images are worth: how many one twin needs to be as accurate as the other, and what twice as many should bring."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfp_insects.compare.comparison import Comparison, Seeds
from tfp_insects.compare.pair import Pair
from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.bootstrap import Interval, combined

ACCURACY = "accuracy"
NUM_SIZES_OF_FIT = 3


@dataclasses.dataclass(frozen=True)
class ImagesNeeded:
    """How many images a class the second twin needs to be as accurate as the first.

    Attributes:
        n_per_class: What the first twin has.
        accuracy: Of the first twin with these.
        needed: What the second needs, with its interval; values at the ends of the sizes measured are bounds.
        smallest: Smallest size measured: `needed` there means as many or fewer.
        largest: Largest size measured: `needed` there means as many or more.
    """

    n_per_class: int
    accuracy: float
    needed: Interval
    smallest: int
    largest: int


@dataclasses.dataclass(frozen=True)
class Doubling:
    """What twice the largest number of images should bring.

    Attributes:
        model: The model.
        n_per_class: Largest size measured.
        gain: Gain in accuracy, with its interval.
    """

    model: str
    n_per_class: int
    gain: Interval


def images_needed(comparison: Comparison, pair: Pair) -> list[ImagesNeeded]:
    """For each size that both twins have, how many images the second needs; empty with fewer than two such sizes.

    The second twin's accuracy is interpolated between sizes, linearly in log n. Where it falls with more images, the best
    accuracy so far counts. Intervals are over test images and seeds, as all of a comparison.
    """
    sizes = pair.sizes
    seeds = common_seeds(comparison, [(model, size) for model in (pair.model, pair.reference) for size in sizes])
    if len(sizes) < 2 or not seeds:
        return []
    first, second = (
        [comparison.resampled(seeds, model, size, ACCURACY) for size in sizes] for model in (pair.reference, pair.model)
    )
    found = []
    for size, target in zip(sizes, first, strict=True):
        needed = combined(lambda values: _size_at_accuracy(values[:-1].T, values[-1], sizes), [*second, target])
        found.append(ImagesNeeded(size, float(target.estimate), needed.interval(), sizes[0], sizes[-1]))
    return found


def next_doubling(comparison: Comparison, model: str) -> Doubling | None:
    """Extrapolates a power law error ~ n^-b through the three largest sizes (Hestness et al. 2017); None with fewer sizes.

    The gain is what the law takes off the error measured at the largest size: error (1 - 2^-b).
    """
    sizes = comparison.sizes_of(model)[-NUM_SIZES_OF_FIT:]
    seeds = common_seeds(comparison, [(model, size) for size in sizes])
    if len(sizes) < NUM_SIZES_OF_FIT or not seeds:
        return None
    # At least half an image is wrong, so that the logarithm is finite.
    least = 0.5 / min(len(comparison.get(model, sizes[-1], seed).labels) for seed in seeds)

    def gain(accuracies: FloatArray) -> FloatArray:
        errors = np.maximum(1.0 - accuracies, least).T
        return errors[:, -1] * (1.0 - 2.0 ** -_exponents(errors, sizes))

    found = combined(gain, [comparison.resampled(seeds, model, size, ACCURACY) for size in sizes])
    return Doubling(model, sizes[-1], found.interval())


def common_seeds(comparison: Comparison, places: Sequence[tuple[str, int]]) -> Seeds:
    """Seeds with which all of some models and sizes were run."""
    return tuple(sorted(set.intersection(*(set(comparison.seeds(*place)) for place in places)))) if places else ()


def _exponents(errors: FloatArray, sizes: list[int]) -> FloatArray:
    """Least-squares slope of -log error on log n, float64 `[num_resamples]`."""
    x = np.log(sizes) - np.log(sizes).mean()
    return -(np.log(errors) @ x) / (x @ x)


def _size_at_accuracy(curve: FloatArray, target: FloatArray, sizes: list[int]) -> FloatArray:
    """The smallest size at which a curve reaches its target, clipped to the sizes measured, float64 `[num_resamples]`.

    Args:
        curve: Accuracy at each size, `[num_resamples, num_sizes]`.
        target: `[num_resamples]`.
        sizes: Increasing.
    """
    best = np.maximum.accumulate(curve, axis=1)
    reached = best >= target[:, np.newaxis]
    after = np.where(reached.any(axis=1), reached.argmax(axis=1), len(sizes) - 1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(curve))
    low, high = best[rows, before], best[rows, after]
    share = np.divide(target - low, high - low, out=np.ones_like(target), where=high > low)
    measured = np.array(sizes, dtype=np.float64)
    between = measured[before] * (measured[after] / measured[before]) ** np.clip(share, 0.0, 1.0)
    return np.where(share >= 1.0, measured[after], between)  # The ends exactly, as they are told as bounds.
