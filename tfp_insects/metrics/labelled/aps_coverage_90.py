"""Coverage of the prediction sets that are to hold the true class in 90 % of cases, by APS."""

from tfp_insects.metrics.set_metrics import APS, coverage_metric

METRIC = coverage_metric(APS, 90, order=165)
