"""Size of the prediction sets that hold the true class in 95 % of cases, by THR."""

from functools import partial

from tfp_insects.metrics.conformal import thr_scores
from tfp_insects.metrics.cross_conformal import resampled_set_size
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="thr_size_95",
    label="size of THR sets at 95 %",
    short="THR 95",
    description="mean number of classes in THR prediction sets that hold the true class with a probability of 95 %",
    unit="classes",
    better="low",
    shown="files",
    order=150,
    statistic=lambda draws: partial(resampled_set_size, thr_scores(draws.mean), draws.labels, coverage=0.95),
)
