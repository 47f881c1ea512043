"""McNemar's test: are two models equally often right on the same images?"""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import stats

from tfp_insects.metrics.arrays import checked_correct


@dataclasses.dataclass(frozen=True)
class McNemarResult:
    """Two models' right and wrong answers on the same images.

    Attributes:
        only_first_correct: images that only the first model gets right.
        only_second_correct: images that only the second model gets right.
        p_value: two-sided, exact.
    """

    only_first_correct: int
    only_second_correct: int
    p_value: float


def mcnemar_test(first_correct: npt.ArrayLike, second_correct: npt.ArrayLike) -> McNemarResult:
    """Returns McNemar's exact test of equal accuracy on the same images (McNemar 1947; exact: binomial, p = 1/2).

    Args:
        first_correct: bool [num_examples].
        second_correct: bool [num_examples], same images in the same order.

    Raises:
        ValueError: not bool, or shapes that differ.
    """
    first = checked_correct(first_correct, np.size(first_correct), "first_correct")
    second = checked_correct(second_correct, first.size, "second_correct")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    p_value = float(stats.binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemarResult(only_first, only_second, p_value)
