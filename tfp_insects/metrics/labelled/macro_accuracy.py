"""Accuracy in which each class counts alike."""

from functools import partial

from tfp_insects.metrics.metric import LabelledMetric
from tfp_insects.metrics.scores import resampled_macro_accuracy

METRIC = LabelledMetric(
    name="macro_accuracy",
    label="macro accuracy",
    short="macro",
    description="mean over classes of the share of their test images that are right, so that each class counts alike",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="high",
    shown="files",
    order=20,
    statistic=lambda draws: partial(resampled_macro_accuracy, draws.correct, draws.labels),
)
