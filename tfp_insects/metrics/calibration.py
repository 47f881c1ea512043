"""Does a confidence of 0.8 come true 8 times in 10? Reliability bins and expected calibration error."""

import dataclasses
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    checked_correct,
    checked_counts,
    checked_labels,
    checked_probabilities,
    checked_scores,
)

Binning = Literal["equal_width", "equal_mass"]


@dataclasses.dataclass(frozen=True)
class ReliabilityBins:
    """What a reliability diagram shows, one entry a bin, from the lowest confidence to the highest.

    Attributes:
        confidence: float64 [num_bins], mean confidence in the bin; NaN where the bin is empty.
        accuracy: float64 [num_bins], share of right predictions in the bin; NaN where the bin is empty.
        count: int64 [num_bins], number of examples in the bin.
    """

    confidence: FloatArray
    accuracy: FloatArray
    count: IntArray


def reliability_bins(
    mean_probabilities: npt.ArrayLike, labels: npt.ArrayLike, num_bins: int = 15, binning: Binning = "equal_width"
) -> ReliabilityBins:
    """Returns confidence, accuracy and count of each bin of confidence.

    Confidence is the highest mean probability of an example, and the example is right where that class is the label.

    Args:
        mean_probabilities: float [num_examples, num_classes].
        labels: int [num_examples].
        num_bins: number of bins.
        binning: `equal_width`: bin m of M holds confidences in ((m - 1) / M, m / M] (Guo et al. 2017, section 2).
            `equal_mass`: bins hold equal numbers of examples, as near as can be with equal confidences kept in one bin,
            so that the order of examples does not matter (Nguyen & O'Connor 2015; Nixon et al. 2019).

    Raises:
        ValueError: a wrong shape, values that are no probabilities or labels, or a `num_bins` below 1.
    """
    confidence, correct = _confidence_and_correct(mean_probabilities, labels)
    ones = np.ones((1, correct.size), dtype=np.int64)
    bins = _bins_of_resamples(confidence, ones, num_bins, binning)[0]
    count = np.bincount(bins, minlength=num_bins)
    return ReliabilityBins(
        confidence=_mean_in_bins(confidence, bins, count),
        accuracy=_mean_in_bins(correct.astype(np.float64), bins, count),
        count=count,
    )


def expected_calibration_error(
    mean_probabilities: npt.ArrayLike, labels: npt.ArrayLike, num_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Returns the sum over bins of (count / num_examples) |accuracy - confidence| (Guo et al. 2017, eq. 3), 0 to 1.

    It is biased upwards: noise within bins counts as miscalibration, the more so the fewer examples there are.
    Arguments and errors are those of `reliability_bins`.
    """
    confidence, correct = _confidence_and_correct(mean_probabilities, labels)
    ones = np.ones((1, correct.size), dtype=np.int64)
    return float(_error_of_resamples(confidence, correct, ones, num_bins, binning)[0])


def resampled_calibration_error(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    counts: IntArray,
    num_bins: int = 15,
    binning: Binning = "equal_width",
) -> FloatArray:
    """Returns `expected_calibration_error` of many resamples of the examples at once.

    Args:
        confidence: float [num_examples], highest mean probability of each example.
        correct: bool [num_examples], whether its class is the label.
        counts: int [num_resamples, num_examples], how often each example occurs in each resample.
        num_bins: number of bins.
        binning: see `reliability_bins`.

    Returns:
        float64 [num_resamples].

    Raises:
        ValueError: a wrong shape or dtype, values that are not finite or no counts, or a `num_bins` below 1.
    """
    score = checked_scores(confidence, "confidence")
    right, weights = checked_correct(correct, score.size), checked_counts(counts, score.size)
    return _error_of_resamples(score, right, weights, num_bins, binning)


def _confidence_and_correct(mean_probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Returns the highest mean probability, float64 [num_examples], and whether its class is the label, bool."""
    averaged = checked_probabilities(mean_probabilities, ndims=(2,))
    return averaged.max(axis=-1), averaged.argmax(axis=-1) == checked_labels(labels, *averaged.shape)


def _error_of_resamples(
    confidence: FloatArray, correct: BoolArray, counts: IntArray, num_bins: int, binning: Binning
) -> FloatArray:
    """Returns the calibration error of each resample, float64 [num_resamples].

    count |accuracy - confidence| of a bin is |sum over its examples of (correct - confidence)|, which needs no
    division.
    """
    gaps = correct - confidence
    if binning == "equal_width":  # Then an example has the same bin in all resamples.
        bins = _bins_of_resamples(confidence, counts[:1], num_bins, binning)[0]
        sums = counts @ (gaps[:, np.newaxis] * (bins[:, np.newaxis] == np.arange(num_bins)))
    else:
        sums = _sums_of_ordered(
            confidence, gaps, counts, _bins_of_resamples(confidence, counts, num_bins, binning), num_bins
        )
    return np.abs(sums).sum(axis=1) / counts.sum(axis=1)


def _sums_of_ordered(
    confidence: FloatArray, gaps: FloatArray, counts: IntArray, bins: IntArray, num_bins: int
) -> FloatArray:
    """Returns the sum of the gaps in each bin, float64 [num_resamples, num_bins], where bins follow the confidence."""
    order = np.argsort(confidence, kind="stable")
    up_to = np.cumsum(counts.T[order] * gaps[order, np.newaxis], axis=0)
    up_to = np.concatenate([np.zeros((1, len(counts))), up_to])
    num_up_to = np.stack([(bins <= index).sum(axis=1) for index in range(num_bins)])
    return np.diff(np.take_along_axis(up_to, num_up_to, axis=0), axis=0, prepend=0.0).T


def _bins_of_resamples(confidence: FloatArray, counts: IntArray, num_bins: int, binning: Binning) -> IntArray:
    """Returns the bin of each example in each resample, int64 [num_resamples, num_examples]."""
    if num_bins < 1:
        raise ValueError(f"num_bins: expected 1 or more, got {num_bins}")
    match binning:
        case "equal_width":
            inner_edges = np.linspace(0.0, 1.0, num_bins + 1)[1:-1]
            return np.broadcast_to(np.searchsorted(inner_edges, confidence, side="left"), counts.shape)
        case "equal_mass":
            return _equal_mass_bins(confidence, counts, num_bins)
        case _:
            assert_never(binning)


def _equal_mass_bins(confidence: FloatArray, counts: IntArray, num_bins: int) -> IntArray:
    """Returns the bin that the middle rank of an example's confidence falls into, int64 [num_resamples, num_examples].

    Equal confidences, and the copies of one example in a resample, share their middle rank and so their bin.
    """
    values, group = np.unique(confidence, return_inverse=True)
    order = np.argsort(group, kind="stable")
    sizes = np.add.reduceat(counts.T[order], np.searchsorted(group[order], np.arange(values.size)))
    middle = np.cumsum(sizes, axis=0) - 0.5 * sizes
    bins = np.floor(num_bins * middle / counts.sum(axis=1)).astype(np.int64)
    return np.minimum(bins, num_bins - 1)[group].T


def _mean_in_bins(values: FloatArray, bins: IntArray, count: IntArray) -> FloatArray:
    """Returns the mean of `values` in each bin, float64 [num_bins], NaN where the bin is empty."""
    sums = np.bincount(bins, weights=values, minlength=count.size)
    return np.divide(sums, count, out=np.full(count.shape, np.nan), where=count > 0)
