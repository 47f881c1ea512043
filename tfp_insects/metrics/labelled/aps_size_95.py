"""Size of the prediction sets that hold the true class in 95 % of cases, by APS."""

from functools import partial

from tfp_insects.metrics.conformal import aps_scores
from tfp_insects.metrics.cross_conformal import resampled_set_size
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="aps_size_95",
    label="size of APS sets at 95 %",
    short="APS 95",
    description="mean number of classes in APS prediction sets that hold the true class with a probability of 95 %",
    unit="classes",
    better="low",
    shown="files",
    order=170,
    statistic=lambda draws: partial(resampled_set_size, aps_scores(draws.mean), draws.labels, coverage=0.95),
)
