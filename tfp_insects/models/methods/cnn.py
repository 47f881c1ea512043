"""The deterministic twin."""

import tf_keras

from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.methods.method import Blueprint, Kind


class Cnn(Kind):
    """One network, trained with dropout."""

    name = "cnn"

    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds the network."""
        return build_cnn(blueprint.architecture, blueprint.seed, self.section(blueprint.config)["dropout"])
