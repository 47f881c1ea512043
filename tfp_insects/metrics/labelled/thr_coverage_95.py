"""Coverage of the prediction sets that are to hold the true class in 95 % of cases, by THR."""

from tfp_insects.metrics.set_metrics import THR, coverage_metric

METRIC = coverage_metric(THR, 95, order=155)
