"""The rule by which a finished run answers with a set of classes that holds the true one as often as asked for."""

import dataclasses

import numpy as np
import numpy.typing as npt

from tfp_insects.errors import InputError
from tfp_insects.metrics.arrays import BoolArray
from tfp_insects.metrics.conformal import conformal_rank, prediction_sets, thr_scores, thr_threshold
from tfp_insects.metrics.scores import mean_probabilities
from tfp_insects.runs.predictions import Predictions

ROUNDING = 1e-6  # Of an exported graph: the image that the threshold is from must not fall out of its own set.


@dataclasses.dataclass(frozen=True)
class SetRule:
    """When a class is in the set of an image.

    Attributes:
        coverage: How often a set holds the true class, in the mean over calibration sets and images of known classes.
        threshold: Classes whose probability is at least 1 less this are in the set; see `metrics.conformal`, THR.
        num_examples: Test images that it is calibrated on.
        mean_size: Mean number of classes in their sets.
    """

    coverage: float
    threshold: float
    num_examples: int
    mean_size: float


def make_set_rule(test: Predictions, coverage: float) -> SetRule:
    """Calibrates the rule on a run's test images, which chose nothing of the model.

    Args:
        test: Their predictions.
        coverage: Asked for.

    Raises:
        InputError: It is no share between 0 and 1, or there are too few images for it.
    """
    if not 0.0 < coverage < 1.0:
        raise InputError(
            f"set_coverage={coverage:g}: expected a share of images above 0 and below 1, for example 0.9",
            field="set_coverage",
        )
    probabilities, num_examples = mean_probabilities(test.probabilities), len(test.labels)
    if conformal_rank(num_examples, coverage) > num_examples:
        raise InputError(
            f"set_coverage={coverage:g}: {num_examples} test images promise at most {num_examples / (num_examples + 1):.3f}. "
            "Ask for less, or run with more test images (data.num_test_per_class)",
            field="set_coverage",
        )
    threshold = thr_threshold(probabilities, test.labels, coverage) + ROUNDING
    return SetRule(coverage, threshold, num_examples, float(sets_of(probabilities, threshold).sum(axis=1).mean()))


def sets_of(probabilities: npt.ArrayLike, threshold: float) -> BoolArray:
    """Which classes are in the set of each image.

    The most probable class is always in: an empty set would tell a person nothing, and one class more breaks no promise.

    Args:
        probabilities: float `[num_examples, num_classes]`, the mean over draws.
        threshold: Of a `SetRule`.

    Returns:
        bool `[num_examples, num_classes]`.
    """
    scores = thr_scores(probabilities)
    return prediction_sets(scores, threshold) | (np.arange(scores.shape[1]) == scores.argmin(axis=1)[:, np.newaxis])
