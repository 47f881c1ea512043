"""An alarm for images of no known class, with a stated rate of false alarms on images of known ones.

The threshold is an exact conformal quantile (Vovk, Gammerman, Shafer 2005; for outliers: Bates, Candès, Lei, Romano, Sesia
2023): of a new image of a known class, exchangeable with those given, the score is above it with a probability of at most
the rate. Scores are higher where an image looks less like the known classes.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from tfp_insects.metrics.arrays import checked_scores
from tfp_insects.metrics.conformal import conformal_rank


def alarm_threshold(scores: npt.ArrayLike, false_alarm_rate: float) -> float:
    """Returns the score above which an image sets off the alarm.

    It is the k-th lowest of the scores given, k = ceil((1 - rate) (n + 1)), so also where scores are equal no more than that
    share of known images lies above it. Where n < 1 / rate - 1 it is infinity: too few images for any alarm.

    Args:
        scores: float [num_examples], of images of known classes that chose neither the model nor the score.
        false_alarm_rate: Above 0 and below 1.

    Raises:
        ValueError: scores that are not one-dimensional, empty or not finite, or a rate outside (0, 1).
    """
    known = np.sort(checked_scores(scores, "scores"))
    rank = alarm_rank(known.size, false_alarm_rate)
    return float(known[rank - 1]) if rank <= known.size else math.inf


def false_alarm_interval(num_examples: int, false_alarm_rate: float, level: float = 0.95) -> tuple[float, float]:
    """Returns between which rates the false alarms of an `alarm_threshold` lie, which depend on the images that it is from.

    Where no scores are equal, the rate over all known images is distributed as Beta(n + 1 - k, k), as the share above the
    k-th lowest of n is.

    Args:
        num_examples: n, the number of scores that the threshold is from.
        false_alarm_rate: The rate that was asked for.
        level: Coverage of the interval.

    Raises:
        ValueError: a rate outside (0, 1).
    """
    rank = alarm_rank(num_examples, false_alarm_rate)
    if rank > num_examples:
        return 0.0, 0.0
    low, high = stats.beta.interval(level, num_examples + 1 - rank, rank)
    return float(low), float(high)


def fewest_for_alarm(false_alarm_rate: float) -> int:
    """Returns how many images of known classes an `alarm_threshold` needs to be finite.

    Raises:
        ValueError: a rate outside (0, 1).
    """
    num = max(1, math.floor(1.0 / false_alarm_rate) - 1) if 0.0 < false_alarm_rate < 1.0 else 1
    while alarm_rank(num, false_alarm_rate) > num:
        num += 1
    return num


def alarm_rank(num_examples: int, false_alarm_rate: float) -> int:
    """Returns k: an `alarm_threshold` is the k-th lowest score; above `num_examples` where there is none.

    Raises:
        ValueError: a rate outside (0, 1).
    """
    if not 0.0 < false_alarm_rate < 1.0:
        raise ValueError(f"false_alarm_rate: expected above 0 and below 1, got {false_alarm_rate}")
    return conformal_rank(num_examples, 1.0 - false_alarm_rate)
