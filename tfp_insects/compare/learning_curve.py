"""What images are worth: how many one twin needs to be as accurate as the other, and what twice as many should bring."""

import dataclasses

import numpy as np

from tfp_insects.metrics.arrays import BoolArray, FloatArray, IntArray
from tfp_insects.metrics.bootstrap import Interval, Statistic, bootstrap_interval
from tfp_insects.metrics.scores import example_correct
from tfp_insects.runs.run_set import Study

NUM_RESAMPLES = 1000
BOOTSTRAP_SEED = 0
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


def images_needed(study: Study) -> list[ImagesNeeded]:
    """For each size that both twins have, how many images the second needs; empty with fewer than two such sizes.

    The second twin's accuracy is interpolated between sizes, linearly in log n. Where it falls with more images, the best
    accuracy so far counts. Intervals are bootstraps over test images and seeds.
    """
    pair = study.pair
    sizes = study.paired_sizes(pair) if pair else []
    seeds = _common_seeds(study, pair, sizes) if pair else []
    if pair is None or len(sizes) < 2 or not seeds:
        return []
    first, second = (_correct_answers(study, model, sizes, seeds) for model in pair)
    found = []
    for i, size in enumerate(sizes):

        def needed(counts: IntArray, i: int = i) -> FloatArray:
            return _size_at_accuracy(_accuracies(second, counts), _accuracies(first, counts)[:, i], sizes)

        accuracy = float(first[:, i].mean())
        interval = _interval_over_images_and_seeds(needed, second)
        found.append(ImagesNeeded(size, accuracy, interval, sizes[0], sizes[-1]))
    return found


def next_doubling(study: Study, model: str) -> Doubling | None:
    """Extrapolates a power law error ~ n^-b through the three largest sizes (Hestness et al. 2017); None with fewer sizes.

    The gain is what the law takes off the error measured at the largest size: error (1 - 2^-b).
    """
    sizes = study.sizes_of(model)[-NUM_SIZES_OF_FIT:]
    seeds = [run.seed for run in study.select(model, sizes[-1])]
    seeds = [seed for seed in seeds if all(_has(study, model, size, seed) for size in sizes)]
    if len(sizes) < NUM_SIZES_OF_FIT or not seeds:
        return None
    correct = _correct_answers(study, model, sizes, seeds)

    def gain(counts: IntArray) -> FloatArray:
        errors = _errors(correct, counts)
        return errors[:, -1] * (1.0 - 2.0 ** -_exponents(errors, sizes))

    return Doubling(model, sizes[-1], _interval_over_images_and_seeds(gain, correct))


def _common_seeds(study: Study, pair: tuple[str, str], sizes: list[int]) -> list[int]:
    return [seed for seed in study.seeds if all(_has(study, model, size, seed) for model in pair for size in sizes)]


def _has(study: Study, model: str, size: int, seed: int) -> bool:
    return any(run.seed == seed for run in study.select(model, size))


def _correct_answers(study: Study, model: str, sizes: list[int], seeds: list[int]) -> FloatArray:
    """1 where a run is right, float64 `[num_seeds, num_sizes, num_examples]`."""

    def answers(size: int, seed: int) -> BoolArray:
        run = next(run for run in study.select(model, size) if run.seed == seed)
        return example_correct(run.probabilities, run.labels)

    return np.array([[answers(size, seed) for size in sizes] for seed in seeds], dtype=np.float64)


def _interval_over_images_and_seeds(statistic: Statistic, correct: FloatArray) -> Interval:
    """Resamples images, the same for all runs, and seeds: the counts of images come first, then those of seeds."""
    num_seeds, _, num_examples = correct.shape
    return bootstrap_interval(statistic, (num_examples, num_seeds), seed=BOOTSTRAP_SEED, num_resamples=NUM_RESAMPLES)


def _accuracies(correct: FloatArray, counts: IntArray) -> FloatArray:
    """Accuracy at each size, averaged over seeds, float64 `[num_resamples, num_sizes]`."""
    num_seeds, num_sizes, num_examples = correct.shape
    images, seeds = counts[:, :num_examples], counts[:, num_examples:]
    shares = images @ correct.reshape(-1, num_examples).T / num_examples
    return np.einsum("rsk,rs->rk", shares.reshape(-1, num_seeds, num_sizes), seeds) / num_seeds


def _errors(correct: FloatArray, counts: IntArray) -> FloatArray:
    """Error rates, at least half an image, so that their logarithm is finite."""
    return np.maximum(1.0 - _accuracies(correct, counts), 0.5 / correct.shape[2])


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
