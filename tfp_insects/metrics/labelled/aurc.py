"""Area under the risk-coverage curve."""

from functools import partial

from tfp_insects.metrics.metric import LabelledMetric
from tfp_insects.metrics.selective import resampled_aurc

METRIC = LabelledMetric(
    name="aurc",
    label="AURC",
    plain="knowing which answers are wrong",
    description="area under the risk-coverage curve: mean error rate when the least sure answers are left out step by step",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="low",
    order=70,
    statistic=lambda draws: partial(resampled_aurc, draws.confidence, draws.correct),
)
