"""The BNN's prior without the BNN: a baseline that tells a better regulariser from Bayesian inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfp_insects.models.config import CnnL2spConfig
from tfp_insects.models.method import Blueprint, Mark, Method

if TYPE_CHECKING:
    import tf_keras


class CnnL2sp(Method):
    """One network whose kernels are held near the BNN's prior (L2-SP: Li, Grandvalet, Davoine 2018).

    A frozen layer stays at its prior's centre, where the penalty is zero.
    """

    name = "cnn_l2sp"
    label = "CNN + L2-SP"
    mark = Mark("green", "D", "-.")
    section_type = CnnL2spConfig
    order = 5

    @property
    def sections(self) -> tuple[str, ...]:
        """Its own, and the BNN's for the priors."""
        return (self.name, "bnn")

    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds the network."""
        from tfp_insects.models.l2sp import build_l2sp

        return build_l2sp(
            blueprint.spec,
            blueprint.bayesian(blueprint.config.methods["bnn"].layers),
            blueprint.num_train_examples,
            blueprint.seed,
            self.section(blueprint.config).dropout,
        )


METHOD = CnnL2sp()
