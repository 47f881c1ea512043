"""The deterministic network."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tfp_insects.models.method import Blueprint, Mark, Method, Role

if TYPE_CHECKING:
    import tf_keras


class Cnn(Method):
    """One network, trained with dropout."""

    name = "cnn"
    label = "CNN"
    mark = Mark("blue", "o", "-")
    role: ClassVar[Role] = "reference"
    order = 0
    is_exportable = True

    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds the network."""
        from tfp_insects.models.cnn import build_cnn

        return build_cnn(blueprint.spec, blueprint.seed, self.section(blueprint.config).dropout)


METHOD = Cnn()
