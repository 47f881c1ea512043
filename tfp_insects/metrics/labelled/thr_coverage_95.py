"""Coverage of the prediction sets that are to hold the true class in 95 % of cases, by THR."""

from functools import partial

from tfp_insects.metrics.conformal import thr_scores
from tfp_insects.metrics.cross_conformal import resampled_set_coverage
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="thr_coverage_95",
    label="coverage of THR sets at 95 %",
    short="THR cov95",
    description="share of test images whose THR prediction set, calibrated on the others for 95 %, holds their class",
    unit="points",
    scale=100.0,
    decimals=1,
    better="neither",
    shown="files",
    order=155,
    statistic=lambda draws: partial(resampled_set_coverage, thr_scores(draws.mean), draws.labels, coverage=0.95),
)
