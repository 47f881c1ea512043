"""Expected calibration error over bins of equally many images."""

from functools import partial

from tfp_insects.metrics.calibration import resampled_calibration_error
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="ece_equal_mass",
    label="ECE, bins of equal mass",
    short="ECE mass",
    description="expected calibration error over bins that hold equally many images",
    unit="points",
    maximum=1.0,
    scale=100.0,
    decimals=1,
    better="low",
    interval_method="basic",  # Resampling biases it upwards.
    shown="files",
    order=60,
    statistic=lambda draws: partial(resampled_calibration_error, draws.confidence, draws.correct, binning="equal_mass"),
)
