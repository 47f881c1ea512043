"""Quality and uncertainty of Monte Carlo predictions. Entropies and likelihoods are in nats, sums in float64.

`probabilities` is float [num_samples, num_examples, num_classes], one row of class probabilities for each Monte Carlo
draw, or already averaged over draws, [num_examples, num_classes]. `labels` is int [num_examples].
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from tfp_insects.metrics.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    checked_correct,
    checked_counts,
    checked_draws,
    checked_labels,
)


def mean_probabilities(probabilities: npt.ArrayLike) -> FloatArray:
    """Returns the Monte Carlo estimate of p(y | x), the mean over draws, float64 [num_examples, num_classes].

    Probabilities that are averaged already are returned as they are.

    Raises:
        ValueError: `probabilities` has a wrong shape or holds no probabilities.
    """
    array = checked_draws(probabilities, ndims=(2, 3))
    return array.mean(axis=0, dtype=np.float64) if array.ndim == 3 else array.astype(np.float64, copy=False)


def example_correct(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> BoolArray:
    """Returns bool [num_examples]: is the class of highest mean probability the label? Ties go to the lower class."""
    averaged, label = _averaged(probabilities, labels)
    return averaged.argmax(axis=-1) == label


def example_negative_log_likelihood(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Returns -log p(label | x) of the averaged probability, float64 [num_examples], nats.

    A probability below the smallest normal float64 (2.2e-308) counts as that, so no example costs more than 708.4 nats.
    """
    averaged, label = _averaged(probabilities, labels)
    return -np.log(np.maximum(averaged[np.arange(label.size), label], np.finfo(np.float64).tiny))


def example_brier_score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Returns sum over classes of (p - one_hot(label))², float64 [num_examples], 0 to 2 (Brier 1950)."""
    averaged, label = _averaged(probabilities, labels)
    gaps = averaged.copy()
    gaps[np.arange(label.size), label] -= 1.0
    return np.square(gaps).sum(axis=-1)


def accuracy(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the share of examples whose class of highest mean probability is the label."""
    return float(example_correct(probabilities, labels).mean())


def per_class_accuracy(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Returns the accuracy among the examples of each class (recall), float64 [num_classes], NaN for absent classes."""
    averaged, label = _averaged(probabilities, labels)
    size = np.bincount(label, minlength=averaged.shape[1])
    right = np.bincount(label[averaged.argmax(axis=-1) == label], minlength=averaged.shape[1])
    return np.divide(right, size, out=np.full(size.shape, np.nan), where=size > 0)


def macro_accuracy(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the mean of `per_class_accuracy` over the classes present among the labels (balanced accuracy)."""
    return float(np.nanmean(per_class_accuracy(probabilities, labels)))


def negative_log_likelihood(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the mean over examples of -log of the Monte Carlo averaged probability of the label, nats.

    With draws 0.8 and 0.3 of the label's probability this is -log((0.8 + 0.3) / 2), not the mean of two logarithms. It
    is never infinite: see `example_negative_log_likelihood`.
    """
    return float(example_negative_log_likelihood(probabilities, labels).mean())


def brier_score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the Brier score, summed over classes and averaged over examples, 0 (best) to 2 (Brier 1950)."""
    return float(example_brier_score(probabilities, labels).mean())


def predictive_entropy(probabilities: npt.ArrayLike) -> FloatArray:
    """Returns the entropy of the mean probabilities, total uncertainty, float64 [num_examples], nats."""
    return special.entr(mean_probabilities(probabilities)).sum(axis=-1)


def expected_entropy(probabilities: npt.ArrayLike) -> FloatArray:
    """Returns the mean over draws of the entropy, aleatoric uncertainty, float64 [num_examples], nats.

    Takes draws only: averaged probabilities do not hold it.

    Raises:
        ValueError: `probabilities` is not [num_samples, num_examples, num_classes].
    """
    draws = checked_draws(probabilities)
    # One draw after the other: with many classes all of them in float64 would not fit memory.
    return np.sum([special.entr(draw.astype(np.float64)).sum(axis=-1) for draw in draws], axis=0) / len(draws)


def mutual_information(probabilities: npt.ArrayLike) -> FloatArray:
    """Returns predictive minus expected entropy, epistemic uncertainty, float64 [num_examples], nats.

    This is I(y; w | x, data) (Depeweg et al. 2018; BALD: Houlsby et al. 2011, eq. 2). By Jensen's inequality
    it is not negative; what rounding leaves below 0 is set to 0.

    Raises:
        ValueError: `probabilities` is not [num_samples, num_examples, num_classes].
    """
    return difference_of_entropies(predictive_entropy(probabilities), expected_entropy(probabilities))


def difference_of_entropies(predictive: FloatArray, expected: FloatArray) -> FloatArray:
    """Returns the mutual information of examples whose two entropies are known, float64 [num_examples], nats."""
    return np.maximum(predictive - expected, 0.0)


def resampled_macro_accuracy(correct: npt.ArrayLike, labels: npt.ArrayLike, counts: IntArray) -> FloatArray:
    """Returns `macro_accuracy` of many resamples of the examples at once.

    Args:
        correct: bool [num_examples].
        labels: int [num_examples], not negative.
        counts: int [num_resamples, num_examples], how often each example occurs in each resample.

    Returns:
        float64 [num_resamples].

    Raises:
        ValueError: a wrong shape or dtype, or values that are no labels or counts.
    """
    label = checked_labels(labels, np.size(labels), np.iinfo(np.int64).max)
    right = checked_correct(correct, label.size)
    weights = checked_counts(counts, label.size).T
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    sizes = np.add.reduceat(weights[order], starts)
    num_right = np.add.reduceat(weights[order] * right[order, np.newaxis], starts)
    recall = np.divide(num_right, sizes, out=np.zeros(sizes.shape), where=sizes > 0)
    return recall.sum(axis=0) / (sizes > 0).sum(axis=0)


def _averaged(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, IntArray]:
    """Returns mean probabilities [num_examples, num_classes] and labels [num_examples], both checked."""
    averaged = mean_probabilities(probabilities)
    return averaged, checked_labels(labels, *averaged.shape)
