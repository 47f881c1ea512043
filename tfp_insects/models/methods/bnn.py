"""The Bayesian twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfp_insects.models.method import Blueprint, Mark, Method

if TYPE_CHECKING:
    import tf_keras


class Bnn(Method):
    """One network with a posterior over the weights of the layers that the configuration names."""

    name = "bnn"
    label = "BNN"
    mark = Mark("vermillion", "s", "-")
    role = "twin"
    order = 1
    section_name = "bnn"
    is_exportable = True

    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds the network."""
        from tfp_insects.models.bnn import build_bnn

        bayesian = blueprint.bayesian(self.bayesian_layers(blueprint.config))
        return build_bnn(blueprint.architecture, bayesian, blueprint.num_train_examples, blueprint.seed)

    def bayesian_layers(self, config: Mapping[str, Any]) -> str:
        """What the configuration says."""
        return config["bnn"]["layers"]


METHOD = Bnn()
