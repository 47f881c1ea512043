"""Dropout that stays on at prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfp_insects.models.method import Blueprint, Mark, Method

if TYPE_CHECKING:
    import tf_keras


class McDropout(Method):
    """The CNN, each of whose predictions is a mean over draws of its dropout (Gal and Ghahramani 2016)."""

    name = "mc_dropout"
    label = "MC dropout"
    mark = Mark("pink", "v", ":")
    order = 6

    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds the network."""
        from tfp_insects.bayes.dropout import MonteCarloDropout
        from tfp_insects.models.cnn import build_cnn

        dropout = self.section(blueprint.config).dropout
        return build_cnn(blueprint.spec, blueprint.seed, dropout, MonteCarloDropout)


METHOD = McDropout()
