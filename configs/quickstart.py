"""A first look in minutes: a narrow AlexNet on small drawn insects.

make run
"""

import runpy
from pathlib import Path

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns the study's configuration at a quarter of the width, on smaller inputs and for fewer epochs."""
    config = runpy.run_path(str(Path(__file__).with_name("study.py")))["get_config"]()
    config.model.image_size = 95
    config.model.width_multiplier = 0.25
    config.training.scale_learning_rate = False  # The rates below were chosen without it.
    config.training.epochs = 12
    for model in (config.cnn, config.bnn):
        model.learning_rate = 1e-3
        model.learning_rate_multipliers.features = 1.0
        model.learning_rate_multipliers.head = 10.0
    config.bnn.learning_rate_multipliers.scale = 10.0
    config.bnn.hidden.posterior_ratio = 0.03
    config.bnn.hidden.temperature = config.bnn.features.temperature = 1.0
    config.bnn.head.covariance_scale = 0.0
    config.cnn.dropout = 0.2  # A narrow network has little to spare.
    config.pretraining.epochs = 15
    return config
