"""Means over seeds, and paired differences between models, each with a 95 % interval over seeds and images."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfp_insects.compare.answers import Answers, Pair
from tfp_insects.metrics.arrays import FloatArray, IntArray
from tfp_insects.metrics.bootstrap import Interval, Statistic, difference_of, mcnemar_test, seeds_interval
from tfp_insects.metrics.intervals import METHODS, metric_statistics, not_negative, out_of_distribution_statistics
from tfp_insects.metrics.scores import example_correct

SEED = 0
OOD_SCORE = "auroc_predictive_entropy"


def metric_means(answers: Sequence[Answers], num_resamples: int = 2000) -> dict[str, Interval]:
    """Each metric of one model at one size: the mean over seeds and its interval.

    Seeds have splits of their own, so their images are resampled each for itself.
    """
    statistics = [metric_statistics(one.probabilities, one.labels) for one in answers]
    found = _over_seeds(statistics, [len(one.labels) for one in answers], num_resamples)
    return {name: not_negative(interval) for name, interval in found.items()}


def metric_differences(pairs: Sequence[Pair], num_resamples: int = 2000) -> dict[str, Interval]:
    """First - second of each metric of two models at one size: the mean over seeds and its interval, paired by image."""
    statistics = [_differences(pair) for pair in pairs]
    return _over_seeds(statistics, [len(first.labels) for first, _ in pairs], num_resamples)


def mcnemar(pair: Pair) -> dict[str, Any]:
    """McNemar's exact test of equal accuracy of two models on the images of one seed.

    Not over all seeds together: each cuts its test set from the same images, so that one image may be in several.
    """
    result = mcnemar_test(*(example_correct(one.probabilities, one.labels) for one in pair))
    return dataclasses.asdict(result)


def ood_means(answers: Sequence[Answers], num_resamples: int = 2000) -> dict[str, Interval]:
    """AUROC and FPR95 of each out-of-distribution score, of one model at one size: the mean over seeds and its interval."""
    statistics = [_ood_statistics(one) for one in answers]
    names = statistics[0]
    return {name: _with_shared_ood_images(answers, [one[name] for one in statistics], num_resamples) for name in names}


def differences_over_sizes(seeds: Sequence[Sequence[Pair]], num_resamples: int = 2000) -> dict[str, Interval]:
    """First - second of each metric, averaged over sizes, then over seeds, paired by image.

    All sizes of a seed are tested on the same images, which are resampled for all of them together.

    Args:
        seeds: As `AnswerBook.pairs_at_all_sizes` returns them, at least one.
        num_resamples: Of the bootstrap.
    """
    by_seed = [[_differences(pair) for pair in pairs] for pairs in seeds]
    statistics = [{name: _mean_of([size[name] for size in sizes]) for name in sizes[0]} for sizes in by_seed]
    return _over_seeds(statistics, [len(pairs[0][0].labels) for pairs in seeds], num_resamples)


def ood_difference(seeds: Sequence[Sequence[Pair]], num_resamples: int = 2000) -> Interval:
    """First - second of the AUROC by predictive entropy, averaged over sizes, then over seeds, with its interval.

    Args:
        seeds: As `AnswerBook.pairs_at_all_sizes` returns them, at least one.
        num_resamples: Of the bootstrap.
    """
    statistics = [_mean_of([_ood_difference(pair) for pair in pairs]) for pairs in seeds]
    return _with_shared_ood_images([pairs[0][0] for pairs in seeds], statistics, num_resamples)


def _over_seeds(
    statistics: Sequence[dict[str, Statistic]], num_examples: Sequence[int], num_resamples: int
) -> dict[str, Interval]:
    return {
        name: seeds_interval(
            [one[name] for one in statistics],
            num_examples,
            shared_images=False,
            seed=SEED,
            num_resamples=num_resamples,
            method=METHODS.get(name, "percentile"),
        )
        for name in statistics[0]
    }


def _differences(pair: Pair) -> dict[str, Statistic]:
    own, others = (metric_statistics(one.probabilities, one.labels) for one in pair)
    return {name: difference_of(own[name], others[name]) for name in own}


def _ood_statistics(answers: Answers) -> dict[str, Statistic]:
    if answers.draws is None or answers.ood is None:
        raise ValueError(f"{answers.cell.name} was not asked about out-of-distribution images")
    return out_of_distribution_statistics(answers.draws, answers.ood)


def _ood_difference(pair: Pair) -> Statistic:
    first, second = (_ood_statistics(one)[OOD_SCORE] for one in pair)
    return difference_of(first, second)


def _mean_of(statistics: Sequence[Statistic]) -> Statistic:
    return lambda counts: np.mean([statistic(counts) for statistic in statistics], axis=0)


def _with_shared_ood_images(
    answers: Sequence[Answers], statistics: Sequence[Statistic], num_resamples: int
) -> Interval:
    """The mean over seeds: each has known images of its own, and all have the same out-of-distribution ones."""
    num_known = [len(one.labels) for one in answers]
    num_ood = answers[0].ood.shape[1] if answers[0].ood is not None else 0
    ends = np.cumsum(num_known)
    total = int(ends[-1])
    own = [
        _on_columns(statistic, np.r_[end - number : end, total : total + num_ood])
        for statistic, number, end in zip(statistics, num_known, ends, strict=True)
    ]
    sizes = (*num_known, num_ood)
    return seeds_interval(
        own, [sizes] * len(own), shared_images=True, seed=SEED, num_resamples=num_resamples, method="percentile"
    )


def _on_columns(statistic: Statistic, columns: IntArray) -> Callable[[IntArray], FloatArray]:
    return lambda counts: statistic(counts[:, columns])
