"""The twin whose last layer alone is Bayesian."""

from tfp_insects.models.config import NetworkConfig
from tfp_insects.models.method import Mark
from tfp_insects.models.methods.bnn import Bnn


class BnnHead(Bnn):
    """The Bayesian twin with point estimates before its last layer."""

    name = "bnn_head"
    label = "BNN-head"
    mark = Mark("vermillion", "<", ":")
    order = 2
    twin_rank = 2

    def bayesian_layers(self, config: NetworkConfig) -> str:
        """The last layer, whatever the configuration says of the twin."""
        del config
        return "head"


METHOD = BnnHead()
