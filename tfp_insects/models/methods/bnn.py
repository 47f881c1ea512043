"""The Bayesian twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tfp_insects.models.config import BnnConfig, NetworkConfig
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
    section_type: ClassVar[type] = BnnConfig
    is_bayesian = True
    is_exportable = True

    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds the network."""
        from tfp_insects.models.bnn import build_bnn

        bayesian = blueprint.bayesian(self.bayesian_layers(blueprint.config))
        return build_bnn(blueprint.spec, bayesian, blueprint.num_train_examples, blueprint.seed)

    def bayesian_layers(self, config: NetworkConfig) -> str:
        """What the configuration says."""
        return self.section(config).layers


METHOD = Bnn()
