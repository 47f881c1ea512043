"""Conformal prediction sets: sets of classes that hold the true one with a stated probability, whatever the model is.

A score says how badly a class fits an image. The threshold is a quantile of the true classes' scores on calibration images
that chose nothing of the model; a set holds all classes of an image whose score is at most the threshold. A new image that is
exchangeable with the calibration images has its true class in its set with a probability of at least the coverage asked for,
in the mean over calibration sets and images (Vovk, Gammerman, Shafer 2005). Where no two scores are equal, it is at most
1 / (num_examples + 1) more. It is no promise for each class, nor for each image.

* THR, 1 - p(class): of all such sets the smallest in the mean, if the probabilities are right (Sadinle, Lei, Wasserman 2019,
  "Least ambiguous set-valued classifiers").
* APS, the probability of all more probable classes: larger sets, whose size follows the image's difficulty (Romano, Sesia,
  Candès 2020, "Classification with valid and adaptive coverage").
"""

import math

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import BoolArray, FloatArray, checked_labels, checked_probabilities, checked_scores


def conformal_rank(num_examples: int, coverage: float) -> int:
    """Returns k, so that a new score is at most the k-th lowest of those given with a probability of at least `coverage`.

    It is ceil(coverage (num_examples + 1)); if that is above `num_examples`, there are too few for any bound.

    Raises:
        ValueError: a coverage outside (0, 1).
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage: expected above 0 and below 1, got {coverage}")
    # 0.95 x 20 is 19.000000000000004 in binary in some orders: without the margin that would take 20.
    return math.ceil(coverage * (num_examples + 1) - 1e-9)


def thr_scores(probabilities: npt.ArrayLike) -> FloatArray:
    """Returns 1 - p of each class, float64 [num_examples, num_classes].

    Args:
        probabilities: float [num_examples, num_classes]; the mean over draws, where there are several.

    Raises:
        ValueError: a wrong shape, or values that are no probabilities.
    """
    return 1.0 - checked_probabilities(probabilities, ndims=(2,))


def aps_scores(probabilities: npt.ArrayLike, uniforms: npt.ArrayLike | None = None) -> FloatArray:
    """Returns the probability of all classes that are more probable than each class, float64 [num_examples, num_classes].

    Sets are then the fewest classes that have some mass together, the one that crosses it among them, and never empty.
    Randomised, a class counts with the share 1 - u of its own probability, u uniform on [0, 1] for each image: sets are
    smaller where the model is sure, and may be empty. Of equally probable classes the first counts as the more probable.

    Args:
        probabilities: float [num_examples, num_classes]; the mean over draws, where there are several.
        uniforms: u, float [num_examples]; none for scores that are not randomised.

    Raises:
        ValueError: a wrong shape, values that are no probabilities, or uniforms outside [0, 1].
    """
    array = checked_probabilities(probabilities, ndims=(2,))
    order = np.argsort(-array, axis=1, kind="stable")
    own = np.take_along_axis(array, order, axis=1)
    scores = np.concatenate([np.zeros((len(array), 1)), np.cumsum(own[:, :-1], axis=1)], axis=1)
    if uniforms is not None:
        scores = scores + (1.0 - _checked_uniforms(uniforms, len(array))[:, np.newaxis]) * own
    found = np.empty_like(scores)
    np.put_along_axis(found, order, scores, axis=1)
    return found


def conformal_threshold(scores: npt.ArrayLike, labels: npt.ArrayLike, coverage: float) -> float:
    """Returns the threshold of `prediction_sets` from calibration images.

    Args:
        scores: float [num_examples, num_classes], such as `thr_scores`, of images that chose nothing of the model.
        labels: int [num_examples], their classes.
        coverage: Asked for, above 0 and below 1.

    Returns:
        The threshold; infinity, so that sets hold all classes, where there are fewer images than 1 / (1 - coverage) - 1.

    Raises:
        ValueError: a wrong shape, no image, scores that are not finite, or a coverage outside (0, 1).
    """
    true = np.sort(true_class_scores(scores, labels))
    rank = conformal_rank(true.size, coverage)
    return float(true[rank - 1]) if rank <= true.size else math.inf


def thr_threshold(probabilities: npt.ArrayLike, labels: npt.ArrayLike, coverage: float) -> float:
    """Returns the `conformal_threshold` of `thr_scores`, whose arguments and errors these are."""
    return conformal_threshold(thr_scores(probabilities), labels, coverage)


def aps_threshold(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, coverage: float, uniforms: npt.ArrayLike | None = None
) -> float:
    """Returns the `conformal_threshold` of `aps_scores`, whose arguments and errors these are."""
    return conformal_threshold(aps_scores(probabilities, uniforms), labels, coverage)


def prediction_sets(scores: npt.ArrayLike, threshold: float) -> BoolArray:
    """Returns which classes are in the set of each image, bool [num_examples, num_classes].

    Args:
        scores: float [num_examples, num_classes], of the same kind as those that the threshold is from; randomised ones with
            uniforms of these images' own.
        threshold: See `conformal_threshold`.
    """
    return np.asarray(scores, dtype=np.float64) <= threshold


def set_coverage(sets: BoolArray, labels: npt.ArrayLike) -> float:
    """Returns the share of images whose set holds their class.

    Args:
        sets: bool [num_examples, num_classes].
        labels: int [num_examples].

    Raises:
        ValueError: a wrong shape, or a label out of range.
    """
    label = checked_labels(labels, *sets.shape)
    return float(sets[np.arange(label.size), label].mean())


def mean_set_size(sets: BoolArray) -> float:
    """Returns the mean number of classes in a set; empty sets count with 0."""
    return float(sets.sum(axis=1).mean())


def true_class_scores(scores: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Returns the score of each image's own class, float64 [num_examples].

    Raises:
        ValueError: a wrong shape, no image, scores that are not finite, or a label out of range.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"scores: expected shape [num_examples, num_classes], got {list(array.shape)}")
    label = checked_labels(labels, *array.shape)
    return checked_scores(array[np.arange(label.size), label], "scores")


def _checked_uniforms(uniforms: npt.ArrayLike, num_examples: int) -> FloatArray:
    array = checked_scores(uniforms, "uniforms")
    if array.shape != (num_examples,) or array.min() < 0.0 or array.max() > 1.0:
        raise ValueError(
            f"uniforms: expected {num_examples} numbers in [0, 1], got {array.size} from {array.min()} to {array.max()}"
        )
    return array
