"""Brier score."""

from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric
from tfp_insects.metrics.scores import example_brier_score

METRIC = LabelledMetric(
    name="brier",
    label="Brier score",
    short="Brier",
    plain="probabilities near the truth",
    description="squared distance between probabilities and truth, 0 to 2",
    better="low",
    order=40,
    statistic=lambda draws: mean_of(example_brier_score(draws.mean, draws.labels)),
)
