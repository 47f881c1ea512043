"""The twin whose dense layers alone are Bayesian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfp_insects.errors import InputError
from tfp_insects.models.config import NetworkConfig
from tfp_insects.models.method import Blueprint, Mark
from tfp_insects.models.methods.bnn import Bnn

if TYPE_CHECKING:
    import tf_keras


class BnnClassifier(Bnn):
    """The Bayesian twin with convolutions that are point estimates."""

    name = "bnn_classifier"
    label = "BNN-dense"
    mark = Mark("vermillion", "h", "--")
    order = 3
    twin_rank = 1

    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds the network.

        Raises:
            InputError: The design has no layers between its features and its last one.
        """
        if not blueprint.architecture.hidden:
            raise InputError(
                f"model={self.name}: {blueprint.architecture.label} has no layers between its features and the last one, so "
                "this would be bnn_head: choose that",
                field="model",
            )
        return super().build(blueprint)

    def bayesian_layers(self, config: NetworkConfig) -> str:
        """The dense layers, whatever the configuration says of the twin."""
        del config
        return "classifier"


METHOD = BnnClassifier()
