"""Size of the prediction sets that hold the true class in 95 % of cases, by APS."""

from tfp_insects.metrics.set_metrics import APS, size_metric

METRIC = size_metric(APS, 95, order=170)
