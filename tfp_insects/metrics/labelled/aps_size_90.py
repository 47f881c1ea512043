"""Size of the prediction sets that hold the true class in 90 % of cases, by APS."""

from functools import partial

from tfp_insects.metrics.conformal import aps_scores
from tfp_insects.metrics.cross_conformal import resampled_set_size
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="aps_size_90",
    label="size of APS sets at 90 %",
    short="APS 90",
    description="mean number of classes in APS prediction sets that hold the true class with a probability of 90 %",
    unit="classes",
    better="low",
    shown="files",
    order=160,
    statistic=lambda draws: partial(resampled_set_size, aps_scores(draws.mean), draws.labels, coverage=0.9),
)
