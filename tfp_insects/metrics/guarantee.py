"""Selective prediction with a promise: a threshold on the confidence above which answers are wrong at most so often.

A share of wrong answers counted on labelled images is an estimate; on new images it is exceeded half of the time. Here a
threshold has to pass a test on images that had no part in choosing it, so that it keeps its risk with the confidence
stated, whatever the model is. The test is exact for images that are drawn independently from where the new ones come from.

Several thresholds are tested one after the other, in an order fixed beforehand, until one fails (fixed-sequence testing:
"Learn then Test", Angelopoulos, Bates, Candès, Jordan, Lei 2021, section 4). That needs no correction for their number, since
an error can only be made at the first threshold that does not keep the risk. The order is learned on other images, which may
have chosen anything else of the model: it decides how much is accepted, not whether the promise holds. (The binary search of
Geifman and El-Yaniv 2017 splits the error probability over its steps instead; it accepts less.)
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from tfp_insects.metrics.arrays import BoolArray, FloatArray, IntArray, checked_correct, checked_scores

CONFIDENCE_LEVEL = 0.95
NOTHING = float("inf")  # The threshold that accepts no answer.
LEVEL_STEP = 0.01  # Between the risk levels that are tried.
MAX_ERRORS = 300  # Among accepted images, in the search for how many are needed.


class Guarantee(NamedTuple):
    """A threshold that keeps its risk.

    Attributes:
        threshold: Answers with a confidence of at least this are accepted; infinity where none keeps the risk.
        num_accepted: Images that it accepts of those that it was tested on.
        num_errors: Wrong answers among these.
        upper_bound: Of the risk, from these two; at most the level that was asked for, 1 where nothing is accepted.
    """

    threshold: float
    num_accepted: int
    num_errors: int
    upper_bound: float


def risk_upper_bound(
    num_errors: npt.ArrayLike, num_accepted: npt.ArrayLike, confidence_level: float = CONFIDENCE_LEVEL
) -> FloatArray:
    """Returns the upper end of the one-sided exact interval of a share (Clopper & Pearson 1934), 1 of no images.

    It is the largest share p at which `num_errors` or fewer of `num_accepted` have a probability of 1 - `confidence_level`.
    """
    errors, accepted = np.asarray(num_errors, np.float64), np.asarray(num_accepted, np.float64)
    is_open = errors < accepted
    bound = stats.beta.ppf(confidence_level, errors + 1.0, np.where(is_open, accepted - errors, 1.0))
    return np.where(is_open, bound, 1.0)


def fewest_accepted(
    num_errors: npt.ArrayLike, risk: float, confidence_level: float = CONFIDENCE_LEVEL
) -> npt.NDArray[np.int64]:
    """Returns how many accepted images with so many errors have a `risk_upper_bound` of at most `risk`.

    At 5 % and 95 % these are 59, 93, 124, 153 for 0, 1, 2, 3 errors.

    Args:
        num_errors: int, of any shape.
        risk: Above 0.
        confidence_level: Of the bound.

    Raises:
        ValueError: `risk` is not above 0 and at most 1.
    """
    if not 0.0 < risk <= 1.0:
        raise ValueError(f"risk: expected above 0 and at most 1, got {risk}")
    errors = np.asarray(num_errors, np.int64)
    low, high = errors.copy(), errors + 1
    while not (is_enough := _is_kept(errors, high, risk, confidence_level)).all():
        high = np.where(is_enough, high, 2 * high)
    while (high - low > 1).any():
        middle = (low + high) // 2
        is_enough = _is_kept(errors, middle, risk, confidence_level)
        low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
    return high


def thresholds_to_test(confidence: npt.ArrayLike, correct: npt.ArrayLike, risk: float) -> FloatArray:
    """Returns thresholds for `guaranteed_threshold`, the safest first, from images that it is not given.

    Safest is the one at which these images speak most clearly for a risk below the level: where so few errors are least
    probable if the risk were at it. From there on the thresholds fall, past each of these images, to 0, which accepts all.
    They lie half way between two confidences, so that rounding moves no image across.

    Args:
        confidence: float [num_examples], at least 0, higher where the model is surer.
        correct: bool [num_examples].
        risk: The level, 0 to 1.

    Returns:
        float64 [num_thresholds], falling.

    Raises:
        ValueError: a wrong shape or dtype, no example, a confidence that is not finite, or a risk outside [0, 1].
    """
    _check_risk(risk)
    values = np.unique(checked_scores(confidence, "confidence"))[::-1]
    thresholds = np.append(0.5 * (values[:-1] + values[1:]), 0.0)
    accepted, errors = _counts(confidence, correct, thresholds)
    return thresholds[int(np.argmin(special.bdtr(errors, accepted, risk))) :]


def thresholds_without_labels(confidence: npt.ArrayLike, risk: float) -> FloatArray:
    """Returns thresholds for `guaranteed_threshold` from the images that it is given, without a look at their answers.

    The first accepts as many images as may hold one error (see `fewest_accepted`), or all where there are fewer; from there
    on they fall, past each image, to 0. For where no images are left to learn an order from.

    Args:
        confidence: float [num_examples], at least 0; may be empty.
        risk: The level, 0 to 1.

    Returns:
        float64 [num_thresholds], falling.

    Raises:
        ValueError: a wrong shape or dtype, a confidence that is not finite, or a risk outside [0, 1].
    """
    _check_risk(risk)
    if np.size(confidence) == 0 or risk == 0.0:
        return np.zeros(1)
    score = np.sort(checked_scores(confidence, "confidence"))[::-1]
    values = np.unique(score)[::-1]
    thresholds = np.append(0.5 * (values[:-1] + values[1:]), 0.0)
    num_first = int(fewest_accepted(1, risk))
    return thresholds[thresholds <= score[num_first - 1]] if num_first <= score.size else np.zeros(1)


def guaranteed_threshold(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    risk: float,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> Guarantee:
    """Returns the last threshold before the first at which the bound of the risk exceeds the level.

    With a probability of at least `confidence_level` over the images given, new ones like them have a risk of at most `risk`
    among those accepted. Images of equal confidence are accepted together.

    Args:
        confidence: float [num_examples]; may be empty.
        correct: bool [num_examples].
        thresholds: float [num_thresholds], in the order of the tests; made without these images.
        risk: The level, 0 to 1.
        confidence_level: Of the promise.

    Raises:
        ValueError: a wrong shape or dtype, a confidence that is not finite, or a risk outside [0, 1].
    """
    _check_risk(risk)
    candidates = checked_scores(thresholds, "thresholds")
    accepted, errors = _counts(confidence, correct, candidates)
    num_kept = int(np.argmin(np.append(_is_kept(errors, accepted, risk, confidence_level), False)))
    if num_kept == 0:
        return Guarantee(NOTHING, 0, 0, 1.0)
    last = num_kept - 1
    bound = float(risk_upper_bound(errors[last], accepted[last], confidence_level))
    return Guarantee(float(candidates[last]), int(accepted[last]), int(errors[last]), bound)


def images_needed(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    threshold: float,
    risk: float,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> int | None:
    """Returns about how many images a threshold needs to be guaranteed, if it accepts and errs as often as on these.

    Args:
        confidence: float [num_examples]; may be empty.
        correct: bool [num_examples].
        threshold: The first that is tested, as it has to pass before any other.
        risk: The level, 0 to 1.
        confidence_level: Of the promise.

    Returns:
        The number; none where as many of the accepted are wrong as the level allows, or nearly, or nothing is accepted: then
        no number of images helps.

    Raises:
        ValueError: see `guaranteed_threshold`.
    """
    _check_risk(risk)
    (accepted,), (errors,) = _counts(confidence, correct, np.array([threshold]))
    if risk == 0.0 or not accepted:
        return None
    possible = np.arange(MAX_ERRORS)
    needed = fewest_accepted(possible, risk, confidence_level)
    # Of so many images accepted, no more errors are to be expected than the bound allows.
    enough = needed[errors / accepted * needed <= possible]
    return math.ceil(enough[0] * np.size(correct) / accepted) if enough.size else None


def lowest_risk(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    thresholds_at: Callable[[float], FloatArray],
    above: float = 0.0,
    confidence_level: float = CONFIDENCE_LEVEL,
) -> float | None:
    """Returns the lowest level above one that is too low, in steps of 0.01, that `guaranteed_threshold` can keep.

    It is found by trying, so a promise at this level is weaker than one at a level chosen beforehand.

    Args:
        confidence: float [num_examples]; may be empty.
        correct: bool [num_examples].
        thresholds_at: Gives the thresholds to test for a level, in their order.
        above: A level that is too low.
        confidence_level: Of the promise.

    Returns:
        The level; none where even 0.99 is too low.

    Raises:
        ValueError: see `guaranteed_threshold`.
    """
    for step in range(int(above / LEVEL_STEP + 1e-9) + 1, round(1.0 / LEVEL_STEP)):
        risk = round(step * LEVEL_STEP, 10)
        if guaranteed_threshold(confidence, correct, thresholds_at(risk), risk, confidence_level).num_accepted:
            return risk
    return None


def _is_kept(num_errors: IntArray, num_accepted: IntArray, risk: float, confidence_level: float) -> BoolArray:
    """Returns whether the `risk_upper_bound` is at most `risk`: so few errors would else be too improbable."""
    return special.bdtr(num_errors, num_accepted, risk) <= 1.0 - confidence_level


def _counts(confidence: npt.ArrayLike, correct: npt.ArrayLike, thresholds: FloatArray) -> tuple[IntArray, IntArray]:
    """Returns how many images each threshold accepts, and how many of these are wrong, int64 [num_thresholds] each."""
    if np.size(confidence) == 0:
        return np.zeros(thresholds.shape, np.int64), np.zeros(thresholds.shape, np.int64)
    score = checked_scores(confidence, "confidence")
    is_wrong = ~checked_correct(correct, score.size)
    all_sorted, wrong_sorted = np.sort(score), np.sort(score[is_wrong])
    accepted = score.size - np.searchsorted(all_sorted, thresholds, side="left")
    return accepted, wrong_sorted.size - np.searchsorted(wrong_sorted, thresholds, side="left")


def _check_risk(risk: float) -> None:
    """Raises ValueError unless 0 <= risk <= 1."""
    if not 0.0 <= risk <= 1.0:
        raise ValueError(f"risk: expected 0 to 1, got {risk}")
