"""Total uncertainty."""

from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="mean_predictive_entropy",
    label="predictive entropy",
    short="total",
    description="mean entropy of the predicted probabilities, in nats: how unsure the model is of the class",
    unit="nats",
    better="neither",
    shown="files",
    order=110,
    statistic=lambda draws: mean_of(draws.predictive_entropy),
)
