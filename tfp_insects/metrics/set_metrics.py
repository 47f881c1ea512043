"""Metrics of conformal prediction sets; what they have in common, for each kind of set and coverage."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.conformal import aps_scores, thr_scores
from tfp_insects.metrics.cross_conformal import resampled_set_coverage, resampled_set_size
from tfp_insects.metrics.metric import LabelledMetric


class Sets(NamedTuple):
    """A kind of prediction sets.

    Attributes:
        label: What pages call them.
        scores: From probabilities `[num_examples, num_classes]` to scores of the same shape; see `conformal`.
    """

    label: Literal["THR", "APS"]
    scores: Callable[..., FloatArray]


THR, APS = Sets("THR", thr_scores), Sets("APS", aps_scores)


def size_metric(sets: Sets, percent: int, order: int) -> LabelledMetric:
    """The mean number of classes in sets that hold the true class in `percent` % of cases."""
    return LabelledMetric(
        name=f"{sets.label.lower()}_size_{percent}",
        label=f"size of {sets.label} sets at {percent} %",
        short=f"{sets.label} {percent}",
        description=f"mean number of classes in {sets.label} prediction sets that hold the true class with a probability of "
        f"{percent} %",
        unit="classes",
        better="low",
        shown="files",
        order=order,
        statistic=lambda draws: partial(
            resampled_set_size, sets.scores(draws.mean), draws.labels, coverage=percent / 100
        ),
    )


def coverage_metric(sets: Sets, percent: int, order: int) -> LabelledMetric:
    """The share of images whose set, made for `percent` %, holds their class."""
    return LabelledMetric(
        name=f"{sets.label.lower()}_coverage_{percent}",
        label=f"coverage of {sets.label} sets at {percent} %",
        short=f"{sets.label} cov{percent}",
        description=f"share of test images whose {sets.label} prediction set, calibrated on the others for {percent} %, "
        "holds their class",
        unit="points",
        maximum=1.0,
        scale=100.0,
        decimals=1,
        better="neither",
        shown="files",
        order=order,
        statistic=lambda draws: partial(
            resampled_set_coverage, sets.scores(draws.mean), draws.labels, coverage=percent / 100
        ),
    )
