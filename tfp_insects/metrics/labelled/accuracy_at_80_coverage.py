"""Accuracy among the answers that the model is surest of."""

from functools import partial

from tfp_insects.metrics.metric import LabelledMetric
from tfp_insects.metrics.selective import resampled_accuracy_at_coverage

METRIC = LabelledMetric(
    name="accuracy_at_80_coverage",
    label="accuracy at 80 % coverage",
    short="acc. 80",
    description="share of right answers among the 80 % of test images that the model is surest of",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="high",
    shown="files",
    order=80,
    statistic=lambda draws: partial(resampled_accuracy_at_coverage, draws.confidence, draws.correct, coverage=0.8),
)
