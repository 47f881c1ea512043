"""Aleatoric uncertainty."""

from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="mean_expected_entropy",
    label="expected entropy",
    short="aleat.",
    description="mean over the draws of the entropy, in nats: the uncertainty that lies in the images (aleatoric)",
    unit="nats",
    better="neither",
    shown="files",
    needs_draws=True,
    order=120,
    statistic=lambda draws: mean_of(draws.expected_entropy),
)
