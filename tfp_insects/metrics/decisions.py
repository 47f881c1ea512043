"""What a person decides by, on resamples: how many images are answered alone at a guaranteed risk, and how many others pass.

Thresholds are set anew on each resample, by the rules of `metrics.guarantee` and `metrics.alarm`, so that intervals hold the
luck of the threshold too.
"""

import numpy as np
from scipy import special

from tfp_insects.metrics.alarm import alarm_rank
from tfp_insects.metrics.arrays import BoolArray, FloatArray, IntArray
from tfp_insects.metrics.guarantee import CONFIDENCE_LEVEL


def resampled_answered_alone(
    confidence: FloatArray, correct: BoolArray, thresholds: FloatArray, risk: float, counts: IntArray
) -> FloatArray:
    """Returns the share of images that `guarantee.guaranteed_threshold` accepts, of many resamples at once.

    Args:
        confidence: float `[num_examples]`; minus infinity where an image is never accepted.
        correct: bool `[num_examples]`.
        thresholds: float `[num_thresholds]`, in the order of the tests; made without these images.
        risk: Largest share of wrong answers among accepted ones.
        counts: int `[num_resamples, num_examples]`, how often each image occurs in each resample.

    Returns:
        float64 `[num_resamples]`.
    """
    accepts = (confidence[:, np.newaxis] >= thresholds).astype(np.float64)
    weights = counts.astype(np.float64)
    # Products of floats are fast, and exact for whole numbers; the binomial wants these as integers.
    accepted = (weights @ accepts).astype(np.int64)
    errors = (weights @ (accepts * ~correct[:, np.newaxis])).astype(np.int64)
    is_kept = special.bdtr(errors, accepted, risk) <= 1.0 - CONFIDENCE_LEVEL
    rows = np.zeros((len(counts), 1))
    num_kept = np.argmin(np.concatenate([is_kept, rows.astype(bool)], axis=1), axis=1)
    found = np.concatenate([rows, accepted], axis=1)[np.arange(len(counts)), num_kept]
    return found / weights.sum(axis=1)


def resampled_passing(known: FloatArray, unknown: FloatArray, false_alarm_rate: float, counts: IntArray) -> FloatArray:
    """Returns the share of images of no known class that are not above `alarm.alarm_threshold`, of many resamples at once.

    Args:
        known: Scores of images of known classes, float `[num_known]`, which set the threshold.
        unknown: Scores of the others, float `[num_unknown]`.
        false_alarm_rate: Above 0 and below 1.
        counts: int `[num_resamples, num_known + num_unknown]`, how often each image occurs in each resample.

    Returns:
        float64 `[num_resamples]`.
    """
    ordered = np.argsort(known)
    # One passes if the threshold, the k-th lowest known score, is not below it: if fewer than k known ones are.
    below = np.cumsum(counts[:, : known.size][:, ordered], axis=1)
    below = np.concatenate([np.zeros((len(counts), 1), np.int64), below], axis=1)
    num_below = below[:, np.searchsorted(known[ordered], unknown, side="left")]
    others = counts[:, known.size :]
    passes = num_below < alarm_rank(known.size, false_alarm_rate)
    return (others * passes).sum(axis=1) / others.sum(axis=1)
