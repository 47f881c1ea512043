"""Which score an alarm goes by: predictive entropy, unless another one catches more in kinds of strangers enough to tell.

What is best on one or two classes of strangers need not be so on others. So a score takes the place of the first one where
it does better in so many of the classes that chance would do so at most once in twenty: a sign test over classes, for which
there have to be five at least. Where all strangers are of one kind, the test is over images.
"""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from tfp_insects.metrics.alarm import alarm_threshold
from tfp_insects.metrics.arrays import FloatArray, IntArray

LEVEL = 0.05


def choose_alarm_score(
    known: Mapping[str, FloatArray], unknown: Mapping[str, FloatArray], units: IntArray, false_alarm_rate: float
) -> str:
    """Name of the score that an alarm goes by.

    Args:
        known: Scores of validation images, float `[num_known]` each, by name, the usual one first.
        unknown: The same of images of no known class that judge nothing, float `[num_unknown]`.
        units: Which of these belong together: the number of each one's class, or one for each image.
        false_alarm_rate: At which scores are compared.

    Returns:
        Of the scores that do better, the one that lets fewest images pass; the first if there are none.
    """
    usual, *others = known
    passes = {name: unknown[name] <= alarm_threshold(score, false_alarm_rate) for name, score in known.items()}
    shares = {name: _shares(passed, units) for name, passed in passes.items()}
    better = [name for name in others if _is_shown_to_be_lower(shares[name], shares[usual])]
    return min([usual, *better], key=lambda name: int(passes[name].sum()))


def _shares(passed: np.ndarray, units: IntArray) -> FloatArray:
    _, members = np.unique(units, return_inverse=True)
    return np.bincount(members, weights=passed) / np.bincount(members)


def _is_shown_to_be_lower(shares: FloatArray, others: FloatArray) -> bool:
    """One-sided sign test; units in which both are equal say nothing."""
    num_lower, num_higher = int(np.sum(shares < others)), int(np.sum(shares > others))
    if num_lower + num_higher == 0:
        return False
    return bool(stats.binomtest(num_lower, num_lower + num_higher, 0.5, alternative="greater").pvalue <= LEVEL)
