"""The Bayesian twin, and its variants that are Bayesian in fewer layers."""

from collections.abc import Mapping
from typing import Any

import tf_keras

from tfp_insects.models.bnn import build_bnn
from tfp_insects.models.methods.method import Blueprint, Kind


class Bnn(Kind):
    """One network with a posterior over the weights of the layers that the configuration names."""

    name = "bnn"

    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds the network."""
        bayesian = blueprint.bayesian(self.bayesian_layers(blueprint.config))
        return build_bnn(blueprint.architecture, bayesian, blueprint.num_train_examples, blueprint.seed)

    @property
    def sections(self) -> tuple[str, ...]:
        """One for the twin and its variants."""
        return ("bnn",)

    def section(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """One for the twin and its variants."""
        return config["bnn"]

    def bayesian_layers(self, config: Mapping[str, Any]) -> str:
        """What the configuration says."""
        return config["bnn"]["layers"]


class BnnClassifier(Bnn):
    """The twin whose dense layers alone are Bayesian."""

    name = "bnn_classifier"

    def bayesian_layers(self, config: Mapping[str, Any]) -> str:
        """The dense layers, whatever the configuration says of the twin."""
        del config
        return "classifier"


class BnnHead(Bnn):
    """The twin whose last layer alone is Bayesian."""

    name = "bnn_head"

    def bayesian_layers(self, config: Mapping[str, Any]) -> str:
        """The last layer, whatever the configuration says of the twin."""
        del config
        return "head"
