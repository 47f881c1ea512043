"""Coverage of the prediction sets that are to hold the true class in 95 % of cases, by APS."""

from tfp_insects.metrics.set_metrics import APS, coverage_metric

METRIC = coverage_metric(APS, 95, order=175)
