"""Dropout of whole feature maps before every layer, which stays on at prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tfp_insects.models.config import CnnMapDropoutConfig
from tfp_insects.models.method import Blueprint, Mark, Method

if TYPE_CHECKING:
    import tf_keras

    from tfp_insects.models.architecture import Group


class McDropoutMaps(Method):
    """MC dropout in its stronger form: each layer but the first has masks, a convolution's drop whole maps of its input.

    (Gal and Ghahramani 2016, "Bayesian convolutional neural networks"; whole maps: Tompson et al. 2015.)
    """

    name = "mc_dropout_maps"
    label = "MC dropout, maps"
    mark = Mark("pink", "P", "-.")
    section_type: ClassVar[type] = CnnMapDropoutConfig
    order = 7

    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds the network; layers that are frozen have no masks."""
        from tfp_insects.models.masked_layers import build_masked

        section, model = self.section(blueprint.config), blueprint.config.model
        rates: dict[Group, float] = {
            "features": 0.0 if model.freezes_layers else section.map_dropout,
            "hidden": 0.0 if model.freeze_classifier else section.dropout,
            "head": section.dropout,
        }
        return build_masked(blueprint.spec, blueprint.seed, rates)


METHOD = McDropoutMaps()
