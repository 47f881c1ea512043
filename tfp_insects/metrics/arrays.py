"""Checks of the arrays that every metric takes, so that each metric holds its formula and nothing else."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# A softmax in bfloat16 has 8 significant bits, so its sum can miss 1 by half a percent; logits miss it by far more.
SUM_TOLERANCE = 1e-2


def checked_probabilities(probabilities: npt.ArrayLike, *, ndims: tuple[int, ...] = (2, 3)) -> FloatArray:
    """Returns probabilities in float64 after `checked_draws`, whose arguments and errors these are."""
    return checked_draws(probabilities, ndims=ndims).astype(np.float64, copy=False)


def checked_draws(probabilities: npt.ArrayLike, *, ndims: tuple[int, ...] = (3,)) -> npt.NDArray[np.floating[Any]]:
    """Returns probabilities in their own precision, so without a copy, after checking that they are some.

    Args:
        probabilities: float [num_samples, num_examples, num_classes] or [num_examples, num_classes].
        ndims: the numbers of dimensions allowed.

    Raises:
        ValueError: wrong number of dimensions, an empty one, a value outside [0, 1], or a row that does not sum to 1.
    """
    array = np.asarray(probabilities)
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float64)
    if array.ndim not in ndims or 0 in array.shape:
        names = {2: "[num_examples, num_classes]", 3: "[num_samples, num_examples, num_classes]"}
        expected = " or ".join(names[ndim] for ndim in ndims)
        raise ValueError(f"probabilities: expected a shape {expected}, none of them 0, got {list(array.shape)}")
    # Written so that NaN fails too.
    if not (array.min() >= 0.0 and array.max() <= 1.0 + SUM_TOLERANCE):
        raise ValueError(f"probabilities: expected values in [0, 1], got {array.min()} to {array.max()}")
    worst = np.abs(array.sum(axis=-1, dtype=np.float64) - 1.0).max()
    if worst > SUM_TOLERANCE:
        raise ValueError(
            f"probabilities: expected to sum to 1 over the last axis, got a sum that is off by {worst:.3g}"
        )
    return array


def checked_labels(labels: npt.ArrayLike, num_examples: int, num_classes: int, name: str = "labels") -> IntArray:
    """Returns labels in int64 after checking their shape [num_examples] and range [0, num_classes).

    Raises:
        ValueError: wrong shape, not integers, or a label out of range; the message starts with `name`.
    """
    array = np.asarray(labels)
    if array.shape != (num_examples,):
        raise ValueError(f"{name}: expected shape [{num_examples}], one for each example, got {list(array.shape)}")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: expected integers, got {array.dtype}")
    if num_examples and not (array.min() >= 0 and array.max() < num_classes):
        raise ValueError(f"{name}: expected 0 to {num_classes - 1}, got {array.min()} to {array.max()}")
    return array.astype(np.int64)


def checked_scores(scores: npt.ArrayLike, name: str) -> FloatArray:
    """Returns one score an example in float64, shape [num_examples].

    Raises:
        ValueError: not one-dimensional, empty, or not finite; the message starts with `name`.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: expected shape [num_examples] with one example or more, got {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array


def checked_correct(correct: npt.ArrayLike, num_examples: int, name: str = "correct") -> BoolArray:
    """Returns bool [num_examples], true where the prediction is right.

    Raises:
        ValueError: wrong shape or not bool; the message starts with `name`.
    """
    array = np.asarray(correct)
    if array.shape != (num_examples,) or array.dtype != np.bool_:
        raise ValueError(f"{name}: expected bool [{num_examples}], got {array.dtype} {list(array.shape)}")
    return array


def checked_counts(counts: npt.ArrayLike, num_examples: int) -> IntArray:
    """Returns how often each example occurs in each resample, int64 [num_resamples, num_examples].

    Raises:
        ValueError: wrong shape, not integers, negative, or a resample without any example.
    """
    array = np.asarray(counts)
    if array.ndim != 2 or array.shape[1] != num_examples or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"counts: expected integers [num_resamples, {num_examples}], got {array.dtype} {list(array.shape)}"
        )
    if array.size and (array.min() < 0 or array.sum(axis=1).min() == 0):
        raise ValueError("counts: expected no negative number and at least one example in each resample")
    return array.astype(np.int64, copy=False)
