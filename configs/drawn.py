"""What `study.py` becomes on drawn insects: full AlexNet, fewer epochs.

python scripts/run.py --model=bnn --n_per_class=500
"""

import runpy
from pathlib import Path

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns the study's configuration, shortened so that one run of 500 images a class is a matter of minutes."""
    config = runpy.run_path(str(Path(__file__).with_name("study.py")))["get_config"]()
    config.training.scale_learning_rate = False  # The rates below were chosen without it.
    config.training.epochs = 4
    config.training.warmup_epochs = 0.2
    for model in (config.cnn, config.bnn):
        # Few steps ask for larger ones, and convolutions that saw drawings alone have more to learn.
        model.learning_rate = 1e-3
        model.learning_rate_multipliers.features = 1.0
        model.learning_rate_multipliers.head = 10.0
    config.bnn.learning_rate_multipliers.scale = 10.0
    config.bnn.hidden.posterior_ratio = 0.03
    config.bnn.hidden.temperature = config.bnn.features.temperature = 1.0
    config.bnn.head.covariance_scale = 0.0
    config.pretraining.epochs = 6
    return config
