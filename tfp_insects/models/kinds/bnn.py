"""The Bayesian twin."""

from collections.abc import Mapping
from typing import Any

import tf_keras

from tfp_insects.models.alexnet import bayesian_layer_names
from tfp_insects.models.bnn import build_bnn
from tfp_insects.models.kinds.kind import Blueprint, Kind


class Bnn(Kind):
    """One network with a posterior over its weights."""

    name = "bnn"

    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds the network."""
        return build_bnn(blueprint.architecture, blueprint.bayesian, blueprint.num_train_examples, blueprint.seed)

    def layers_with_prior(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The Bayesian layers."""
        return bayesian_layer_names(config["bnn"]["layers"])

    def is_tempered(self, config: Mapping[str, Any]) -> bool:
        """Whether the divergence has another weight than 1."""
        return config["bnn"]["kl_weight"] != 1.0
