"""How many images can be left to the model."""

from functools import partial

from tfp_insects.metrics.metric import LabelledMetric
from tfp_insects.metrics.selective import resampled_coverage_at_risk

METRIC = LabelledMetric(
    name="coverage_at_5_risk",
    label="coverage at 5 % risk",
    short="cov.5",
    description="largest share of test images, the surest first, of whose answers at most 5 % are wrong",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="high",
    shown="tables",
    order=90,
    statistic=lambda draws: partial(resampled_coverage_at_risk, draws.confidence, draws.correct, risk=0.05),
)
