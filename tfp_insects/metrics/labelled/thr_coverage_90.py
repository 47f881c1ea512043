"""Coverage of the prediction sets that are to hold the true class in 90 % of cases, by THR."""

from tfp_insects.metrics.set_metrics import THR, coverage_metric

METRIC = coverage_metric(THR, 90, order=145)
