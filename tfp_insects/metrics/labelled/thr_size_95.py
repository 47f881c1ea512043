"""Size of the prediction sets that hold the true class in 95 % of cases, by THR."""

from tfp_insects.metrics.set_metrics import THR, size_metric

METRIC = size_metric(THR, 95, order=150)
