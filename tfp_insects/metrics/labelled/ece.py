"""Expected calibration error over bins of equal width."""

from functools import partial

from tfp_insects.metrics.calibration import resampled_calibration_error
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="ece",
    label="ECE",
    plain="honest confidence",
    description="expected calibration error: mean gap between confidence and accuracy, which chance makes larger with few "
    "images; its interval, and its mark in pictures, are corrected for that",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="low",
    interval_method="basic",  # Resampling biases it upwards.
    shown="pictures",
    order=50,
    statistic=lambda draws: partial(resampled_calibration_error, draws.confidence, draws.correct),
)
