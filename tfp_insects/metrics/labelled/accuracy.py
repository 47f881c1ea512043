"""Share of right answers."""

from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="accuracy",
    label="accuracy",
    short="acc.",
    description="share of test images whose most probable class is the true one",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="high",
    shown="pictures",
    order=10,
    statistic=lambda draws: mean_of(draws.correct),
)
