"""Coverage of the prediction sets that are to hold the true class in 90 % of cases, by APS."""

from functools import partial

from tfp_insects.metrics.conformal import aps_scores
from tfp_insects.metrics.cross_conformal import resampled_set_coverage
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="aps_coverage_90",
    label="coverage of APS sets at 90 %",
    short="APS cov90",
    description="share of test images whose APS prediction set, calibrated on the others for 90 %, holds their class",
    unit="points",
    scale=100.0,
    decimals=1,
    better="neither",
    shown="files",
    order=165,
    statistic=lambda draws: partial(resampled_set_coverage, aps_scores(draws.mean), draws.labels, coverage=0.9),
)
