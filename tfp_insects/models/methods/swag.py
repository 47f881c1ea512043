"""The CNN whose weights are drawn from where SGD goes after its training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tfp_insects.models.config import NetworkConfig, SwagConfig
from tfp_insects.models.method import Mark
from tfp_insects.models.methods.cnn import Cnn


class Swag(Cnn):
    """The CNN, or one trained in the same way, with a posterior of all trained weights (SWAG: Maddox et al. 2019).

    SGD goes on for some epochs after training, and its snapshots give mean and covariance; see `bayes.swag`.
    """

    name = "swag"
    label = "SWAG"
    mark = Mark("green", "X", "--")
    role = "baseline"
    order = 7
    section_name = "cnn"
    more_sections: ClassVar[Mapping[str, type]] = {"swag": SwagConfig}
    is_exportable = False
    trains_like = "cnn"

    def snapshots(self, config: NetworkConfig) -> SwagConfig:
        """What its section says."""
        return config.methods[self.name]


METHOD = Swag()
