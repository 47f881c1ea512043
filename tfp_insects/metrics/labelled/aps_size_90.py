"""Size of the prediction sets that hold the true class in 90 % of cases, by APS."""

from tfp_insects.metrics.set_metrics import APS, size_metric

METRIC = size_metric(APS, 90, order=160)
