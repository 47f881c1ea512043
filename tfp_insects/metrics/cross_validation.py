"""How sure a figure of a cross-validation is, whose images are not answered independently of each other.

Networks of different folds share training images, and those of one fold are answered by one network. So images resampled as
if each were answered by itself say too little of how the figure would change with other images. Nadeau and Bengio (2003,
"Inference for the generalization error", section 3, the corrected resampled t-test) raise the variance accordingly.
"""

import math

from tfp_insects.metrics.bootstrap import Resampled


def variance_factor(num_folds: int, num_test: float, num_train: float) -> float:
    """By how much the variance over images of a figure from all folds is too small.

    The variance of a mean over K folds whose results have the variance s² is (1 / K + num_test / num_train) s², where
    num_test / num_train stands for the correlation of two folds; independent folds would have s² / K.

    Args:
        num_folds: K; 0 where each image is answered by the same network, as in a single split.
        num_test: Test images of a fold, on the average.
        num_train: Training images of a network.

    Raises:
        ValueError: a negative number of folds, or a number of images that is not above 0.
    """
    if num_folds < 0:
        raise ValueError(f"num_folds: expected 0 or more, got {num_folds}")
    if num_folds == 0:
        return 1.0
    if num_test <= 0 or num_train <= 0:
        raise ValueError(f"num_test, num_train: expected numbers above 0, got {num_test}, {num_train}")
    return 1.0 + num_folds * num_test / num_train


def widened(resampled: Resampled, factor: float) -> Resampled:
    """Spreads resamples about their mean, so that their variance is `factor` times as large.

    Figures that are computed from several, each spread by its own factor, stay paired. What resampling adds to a figure on
    the average (see `Resampled.interval`) stays as it is.
    """
    if factor == 1.0:
        return resampled
    centre = resampled.values.mean(axis=0)
    return Resampled(resampled.estimate, centre + math.sqrt(factor) * (resampled.values - centre))
