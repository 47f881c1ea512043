"""Intervals of a share."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from tfp_insects.metrics.arrays import FloatArray


def wilson_interval(share: npt.ArrayLike, num: npt.ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Returns the ends of Wilson's score interval (Wilson 1927, eq. 4), which holds for shares of 0 and 1 and few examples.

    Args:
        share: Observed shares, float.
        num: Number of examples of each, float: an average of several runs on the same examples counts them once.
        level: Coverage.
    """
    p, n = np.asarray(share, np.float64), np.asarray(num, np.float64)
    z2 = float(stats.norm.ppf(0.5 + 0.5 * level)) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return centre - half, centre + half
