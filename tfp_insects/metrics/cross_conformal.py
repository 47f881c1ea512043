"""Coverage and size of conformal sets of test images, each calibrated by all the others.

Validation images cannot calibrate: they chose the epoch, some also a temperature, so that a model's scores on them are better
than on new images. Test images chose nothing. So each is taken as the new image and all others as calibration images
(cross-conformal prediction with as many folds as images: Vovk 2015). No image calibrates itself, and nothing depends on
how images are split at random or ordered, so models are compared on equal terms.

The coverage of such sets is what was asked for by construction, whatever the model: ceil(coverage n) / n, and more only where
scores are equal or images too few. It is there to be checked. The size is what tells models apart.

Of n images in the order of their scores and k = ceil(coverage n), the k-th lowest of an image's n - 1 others is number k + 1
of all where the image is among the first k, and number k where it is not. So two thresholds are enough for all images.
"""

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_counts
from tfp_insects.metrics.conformal import conformal_rank, true_class_scores

MAX_COUNTS = 10_000_000  # At once, so that memory does not grow with the number of images.


def resampled_set_coverage(
    scores: npt.ArrayLike, labels: npt.ArrayLike, counts: IntArray, coverage: float
) -> FloatArray:
    """Returns the share of images whose set holds their class, of many resamples at once.

    Args:
        scores: float [num_examples, num_classes], see `conformal`.
        labels: int [num_examples].
        counts: int [num_resamples, num_examples], how often each image occurs in each resample.
        coverage: Asked for, above 0 and below 1.

    Returns:
        float64 [num_resamples].

    Raises:
        ValueError: a wrong shape or dtype, scores that are not finite, or a coverage outside (0, 1).
    """
    true = true_class_scores(scores, labels)
    weights = checked_counts(counts, true.size)
    lower, _ = _thresholds(true, weights, coverage)
    return np.where(true <= lower[:, np.newaxis], weights, 0).sum(axis=1) / weights.sum(axis=1)


def resampled_set_size(scores: npt.ArrayLike, labels: npt.ArrayLike, counts: IntArray, coverage: float) -> FloatArray:
    """Returns the mean number of classes in a set, of many resamples at once; as `resampled_set_coverage`."""
    array, true = np.asarray(scores, dtype=np.float64), true_class_scores(scores, labels)
    weights = checked_counts(counts, true.size)
    pairs, places = np.unique(np.stack(_thresholds(true, weights, coverage), axis=1), axis=0, return_inverse=True)
    thresholds, positions = np.unique(pairs, return_inverse=True)
    found = np.zeros(len(weights))
    num_at_once = max(1, MAX_COUNTS // thresholds.size)
    for start in range(0, true.size, num_at_once):
        images = slice(start, start + num_at_once)
        sizes = _set_sizes(array[images], thresholds)
        for place, (lower, upper) in enumerate(
            positions.reshape(pairs.shape)
        ):  # Many resamples have the same thresholds.
            rows = places.ravel() == place
            chosen = np.where(true[images] <= thresholds[lower], sizes[:, upper], sizes[:, lower])
            found[rows] += weights[rows, images] @ chosen
    return found / weights.sum(axis=1)


def _set_sizes(scores: FloatArray, thresholds: FloatArray) -> IntArray:
    """Returns how many classes have a score up to each of the sorted thresholds, int [num_examples, num_thresholds].

    Each score is looked up once, however many thresholds there are.
    """
    shape = len(scores), thresholds.size + 1
    first_above = np.searchsorted(thresholds, scores) + np.arange(len(scores))[:, np.newaxis] * shape[1]
    return np.bincount(first_above.ravel(), minlength=shape[0] * shape[1]).reshape(shape).cumsum(axis=1)[:, :-1]


def _thresholds(true: FloatArray, weights: IntArray, coverage: float) -> tuple[FloatArray, FloatArray]:
    """Returns scores number k and k + 1 of each resample, float64 [num_resamples]; infinity where there is no such one."""
    totals = weights.sum(axis=1)
    sizes, places = np.unique(totals, return_inverse=True)
    rank = np.array([conformal_rank(int(size) - 1, coverage) for size in sizes])[places.ravel()]
    order = np.argsort(true, kind="stable")
    up_to = np.cumsum(weights[:, order], axis=1)
    ordered = true[order]

    def score_at(number: IntArray) -> FloatArray:
        first = np.argmax(up_to >= number[:, np.newaxis], axis=1)
        return np.where(number <= totals, ordered[first], np.inf)

    return score_at(rank), score_at(rank + 1)
