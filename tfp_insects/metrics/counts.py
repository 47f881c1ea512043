"""How many insects of each class there are in many images, corrected for the classifier's errors.

Counting predicted classes is biased: with many flies, the few percent of them that are taken for bees swamp the bees.
The errors are known from labelled images, as a confusion matrix, and can be taken back out. This is the adjusted count
of Gart & Buck (1966), also Rogan & Gladen (1978) and, for classifiers, Forman (2008), for any number of classes.
Solving its linear equations can give negative counts, so the maximum of the likelihood under the same model is taken
instead: counts are not negative and sum to the number of images.

It assumes that a class is taken for another as often in the images counted as in the labelled ones, and that every
image counted is of a class the model knows; not that classes are as frequent there, and not that probabilities are
calibrated.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sklearn_metrics

from tfp_insects.errors import InputError
from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_labels

# In nats of the log-likelihood of all images counted: 0.001 is a 22nd of a standard error (0.5 z² = 0.001).
LIKELIHOOD_TOLERANCE = 1e-3
MAX_STEPS = 500
BARRIER_DECREASE = 0.1  # Of the barrier's height in each step.
LARGEST_SHRINKAGE = 0.9  # Share of itself that a value may lose in one step.


@dataclasses.dataclass(frozen=True)
class CorrectedCounts:
    """Number of images of each class, float64 [num_classes] each.

    Attributes:
        counts: estimate; not negative, sums to the number of images counted.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
    """

    counts: FloatArray
    low: FloatArray
    high: FloatArray


def confusion_matrix(labels: npt.ArrayLike, predicted_classes: npt.ArrayLike, num_classes: int) -> IntArray:
    """Returns the number of labelled images of each class (row) and predicted class (column), int64 [C, C].

    Args:
        labels: int [num_examples], of images that were not trained on.
        predicted_classes: int [num_examples].
        num_classes: C.

    Raises:
        ValueError: a wrong shape, or a class out of range.
    """
    label = checked_labels(labels, np.size(labels), num_classes)
    predicted = checked_labels(predicted_classes, label.size, num_classes, "predicted_classes")
    return sklearn_metrics.confusion_matrix(label, predicted, labels=np.arange(num_classes))


def corrected_counts(
    confusion: npt.ArrayLike, predicted_counts: npt.ArrayLike, *, seed: int, num_resamples: int = 1000
) -> CorrectedCounts:
    """Returns the number of images of each true class, with 95 % intervals.

    The model: an image of class i is predicted as j with probability P[i, j], so predictions have frequencies
    prevalence @ P. P comes from `confusion` with a pseudo-count of 1 / C in each cell (Perks 1947), since an error that
    was not seen among a few dozen images is not impossible. The prevalence is the one of maximum likelihood.

    The interval is for the true number among these very images. It comes from a bootstrap (percentiles) that redraws
    the labelled images' predictions and the counted images' predictions, given the estimates of P and of the counts.

    Args:
        confusion: int [C, C], see `confusion_matrix`; of validation or test images.
        predicted_counts: int [C], how many of the images to count were predicted as each class.
        seed: of the bootstrap.
        num_resamples: number of resamples.

    Raises:
        InputError: a class has no labelled image.
        ValueError: wrong shapes, negative or fractional numbers, no image to count, or a `num_resamples` below 1.
    """
    labelled, predicted = _checked_counts(confusion, predicted_counts)
    if num_resamples < 1:
        raise ValueError(f"num_resamples: expected 1 or more, got {num_resamples}")
    rates = _error_rates(labelled)
    counts = _most_likely_counts(rates[np.newaxis], predicted[np.newaxis])[0]
    rng = np.random.default_rng(seed)
    relabelled = _redraw(rng, labelled.sum(axis=1), rates, num_resamples)
    repredicted = _redraw(rng, _rounded(counts), rates, num_resamples).sum(axis=1)
    redrawn = _most_likely_counts(_error_rates(relabelled), repredicted)
    low, high = np.quantile(redrawn, [0.025, 0.975], axis=0)
    return CorrectedCounts(counts, low, high)


def _checked_counts(confusion: npt.ArrayLike, predicted_counts: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    """Returns the confusion matrix and the predicted counts in int64."""
    labelled, predicted = np.asarray(confusion), np.asarray(predicted_counts)
    size = predicted.size
    if size == 0 or predicted.shape != (size,) or labelled.shape != (size, size):
        raise ValueError(
            "confusion, predicted_counts: expected shapes [num_classes, num_classes] and [num_classes], got "
            f"{list(labelled.shape)} and {list(predicted.shape)}"
        )
    for name, array in (("confusion", labelled), ("predicted_counts", predicted)):
        if not np.issubdtype(array.dtype, np.integer) or array.min() < 0:
            raise ValueError(f"{name}: expected integers, none negative, got {array.dtype}, lowest {array.min()}")
    if predicted.sum() == 0:
        raise ValueError("predicted_counts: expected one image or more to count, got none")
    unlabelled = np.flatnonzero(labelled.sum(axis=1) == 0)
    if unlabelled.size:
        raise InputError(
            f"counts corrected for errors need labelled images of every class, but of the classes with index "
            f"{unlabelled.tolist()} there is none: add some, or leave these classes out"
        )
    return labelled.astype(np.int64), predicted.astype(np.int64)


def _error_rates(labelled: IntArray) -> FloatArray:
    """Returns P(predicted class | true class), float64 [..., C, C], from numbers of labelled images [..., C, C]."""
    smoothed = labelled + 1.0 / labelled.shape[-1]
    return smoothed / smoothed.sum(axis=-1, keepdims=True)


def _redraw(rng: np.random.Generator, sizes: IntArray, rates: FloatArray, num_resamples: int) -> IntArray:
    """Returns predictions drawn anew for `sizes` [C] images of each class, int64 [num_resamples, C, C]."""
    return rng.multinomial(sizes, rates, size=(num_resamples, sizes.size))


def _rounded(counts: FloatArray) -> IntArray:
    """Returns whole numbers with the same sum, each off by less than 1 (largest remainders)."""
    whole = np.floor(counts).astype(np.int64)
    missing = round(float(counts.sum())) - int(whole.sum())
    whole[np.argsort(whole - counts, kind="stable")[:missing]] += 1
    return whole


def _most_likely_counts(rates: FloatArray, predicted: IntArray) -> FloatArray:
    """Returns the counts of maximum likelihood by a primal-dual interior-point method, all problems at once.

    With frequencies f of the predicted classes, sum_j f_j log((p @ rates)_j) - sum_i p_i is to be largest over p >= 0; since
    rows of `rates` sum to 1, its maximum sums to 1 (Kim, Carbonetto, Stephens, Anitescu 2020). The log-likelihood
    is concave in p, and at a prevalence p it lies at most num_images (max(gain) - 1) below its maximum, where gain is its
    gradient an image; steps end when that is small. Expectation maximisation needs 100,000 steps and more where classes
    are often confused.

    Args:
        rates: float64 [num_problems, C, C], P(predicted | true), all above 0.
        predicted: int64 [num_problems, C].

    Returns:
        float64 [num_problems, C].
    """
    totals = predicted.sum(axis=1, keepdims=True)
    frequencies = predicted / totals
    prevalence = np.full(predicted.shape, 1.0 / predicted.shape[1])
    slack = np.ones(predicted.shape)
    left = np.arange(len(predicted))
    for _ in range(MAX_STEPS):
        gain = _gain(prevalence[left] / prevalence[left].sum(axis=1, keepdims=True), rates[left], frequencies[left])
        left = left[totals[left, 0] * (gain.max(axis=1) - 1.0) > LIKELIHOOD_TOLERANCE]
        if left.size == 0:
            return prevalence / prevalence.sum(axis=1, keepdims=True) * totals
        prevalence[left], slack[left] = _interior_step(prevalence[left], slack[left], rates[left], frequencies[left])
    raise RuntimeError(f"counts by class did not converge within {MAX_STEPS} steps")


def _gain(prevalence: FloatArray, rates: FloatArray, frequencies: FloatArray) -> FloatArray:
    """Returns the gradient of the log-likelihood an image, float64 [num_problems, C]."""
    expected = np.einsum("bi,bij->bj", prevalence, rates)
    return np.einsum("bij,bj->bi", rates, frequencies / expected)


def _interior_step(
    prevalence: FloatArray, slack: FloatArray, rates: FloatArray, frequencies: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Returns prevalence and slack after a Newton step for 1 - gain = slack, prevalence * slack = barrier, both above 0."""
    barrier = BARRIER_DECREASE * (prevalence * slack).mean(axis=1, keepdims=True)
    expected = np.einsum("bi,bij->bj", prevalence, rates)
    gain = np.einsum("bij,bj->bi", rates, frequencies / expected)
    # Scaled by the square root of the prevalence, the equations stay solvable where classes are nearly absent.
    scale = np.sqrt(prevalence)
    factor = scale[:, :, np.newaxis] * rates * (np.sqrt(frequencies) / expected)[:, np.newaxis]
    matrix = factor @ factor.transpose(0, 2, 1) + slack[:, :, np.newaxis] * np.eye(slack.shape[1])
    right = scale * (gain - 1.0 + barrier / prevalence)
    step = scale * np.linalg.solve(matrix, right[:, :, np.newaxis])[:, :, 0]
    slack_step = barrier / prevalence - slack - slack / prevalence * step
    return _stay_positive(prevalence, step), _stay_positive(slack, slack_step)


def _stay_positive(values: FloatArray, step: FloatArray) -> FloatArray:
    """Returns values + share * step with the largest share up to 1 that leaves each value a part of itself."""
    shrinkage = np.maximum(-step / values, 0.0).max(axis=1, keepdims=True)
    return values + np.minimum(1.0, LARGEST_SHRINKAGE / np.maximum(shrinkage, LARGEST_SHRINKAGE)) * step
