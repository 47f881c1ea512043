"""Several CNNs that answer together."""

import numpy as np

from tfp_insects.models.config import EnsembleConfig, NetworkConfig
from tfp_insects.models.method import Mark
from tfp_insects.models.methods.cnn import Cnn


class Ensemble(Cnn):
    """CNNs with seeds of their own, on the same images; each is one draw (Lakshminarayanan et al. 2017).

    A seed determines order, augmentation and dropout, and what pretrained weights do not.
    """

    name = "ensemble"
    label = "Ensemble"
    mark = Mark("orange", "P", ":")
    role = "baseline"
    section_type = EnsembleConfig
    order = 8
    is_exportable = False
    runs_all_seeds = False

    def member_seeds(self, config: NetworkConfig, seed: int) -> list[int]:
        """Seeds that differ from run to run and from each other."""
        num_members = self.section(config).num_members
        return [int(np.random.SeedSequence([seed, member]).generate_state(1)[0]) for member in range(num_members)]


METHOD = Ensemble()
