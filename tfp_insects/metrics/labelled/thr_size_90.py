"""Size of the prediction sets that hold the true class in 90 % of cases, by THR."""

from tfp_insects.metrics.set_metrics import THR, size_metric

METRIC = size_metric(THR, 90, order=140)
