"""Epistemic uncertainty."""

from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="mean_mutual_information",
    label="mutual information",
    short="epist.",
    description="mean mutual information of label and weights, in nats: the uncertainty of the model's knowledge (epistemic)",
    unit="nats",
    better="neither",
    shown="files",
    needs_draws=True,
    order=130,
    statistic=lambda draws: mean_of(draws.mutual_information),
)
