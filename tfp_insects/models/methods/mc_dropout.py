"""Dropout that stays on at prediction."""

import tf_keras

from tfp_insects.bayes.dropout import MonteCarloDropout
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.methods.method import Blueprint, Kind


class McDropout(Kind):
    """The CNN, each of whose predictions is a mean over draws of its dropout (Gal and Ghahramani 2016)."""

    name = "mc_dropout"

    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds the network."""
        dropout = self.section(blueprint.config)["dropout"]
        return build_cnn(blueprint.architecture, blueprint.seed, dropout, MonteCarloDropout)
