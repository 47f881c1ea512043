"""The BNN's prior without the BNN: a baseline that tells a better regulariser from Bayesian inference."""

import tf_keras

from tfp_insects.models.l2sp import build_l2sp
from tfp_insects.models.methods.method import Blueprint, Kind


class CnnL2sp(Kind):
    """One network whose kernels are held near the BNN's prior (L2-SP: Li, Grandvalet, Davoine 2018).

    A frozen layer stays at its prior's centre, where the penalty is zero.
    """

    name = "cnn_l2sp"

    @property
    def sections(self) -> tuple[str, ...]:
        """Its own, and the BNN's for the prior."""
        return (self.name, "bnn")

    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds the network."""
        return build_l2sp(
            blueprint.architecture,
            blueprint.bayesian(blueprint.config["bnn"]["layers"]),
            blueprint.num_train_examples,
            blueprint.seed,
            self.section(blueprint.config)["dropout"],
        )
