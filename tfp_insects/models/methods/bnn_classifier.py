"""The twin whose dense layers alone are Bayesian."""

from tfp_insects.models.config import NetworkConfig
from tfp_insects.models.method import Mark
from tfp_insects.models.methods.bnn import Bnn


class BnnClassifier(Bnn):
    """The Bayesian twin with convolutions that are point estimates."""

    name = "bnn_classifier"
    label = "BNN-dense"
    mark = Mark("vermillion", "h", "--")
    order = 3
    twin_rank = 1

    def bayesian_layers(self, config: NetworkConfig) -> str:
        """The dense layers, whatever the configuration says of the twin."""
        del config
        return "classifier"


METHOD = BnnClassifier()
