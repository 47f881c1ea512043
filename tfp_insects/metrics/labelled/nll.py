"""Negative log-likelihood."""

from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric
from tfp_insects.metrics.scores import example_negative_log_likelihood

METRIC = LabelledMetric(
    name="nll",
    label="NLL",
    plain="probabilities that fit",
    description="negative log-likelihood, in nats: how surprised the model is by the true class; sure and wrong costs most",
    unit="nats",
    better="low",
    shown="pictures",
    order=30,
    statistic=lambda draws: mean_of(example_negative_log_likelihood(draws.mean, draws.labels)),
)
