"""A design whose layers are those of a model of tf_keras."""

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.models.architecture import Architecture, MakeDropout, NetworkSpec

if TYPE_CHECKING:
    import tf_keras

MAX_LISTED = 10


class TemplateArchitecture(Architecture):
    """A design that has a template: a model with its layers, of whatever weights."""

    @abc.abstractmethod
    def template(self, image_size: int, width_multiplier: float) -> "tf_keras.Model":
        """A model of the design's layers that ends in the head."""

    def build(self, spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None = None) -> "tf_keras.Model":
        """Builds it from the template, with a last layer for the classes."""
        from tfp_insects.models.templates.rebuilding import rebuilt

        template = self.template(spec.image_size, spec.width_multiplier)
        return rebuilt(template, self.head, spec, seed, make_dropout)

    def weights_in(self, model: "tf_keras.Model") -> dict[str, np.ndarray]:
        """The weights of a model of this design but those of its head, by name."""
        from tfp_insects.models.initial_weights import weights_of

        return {name: array for name, array in weights_of(model).items() if not self._is_of_head(name)}

    def check_weights(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Checks names and values; those of a head are left out, and shapes are known to the network that is built."""
        expected = self.weights_in(self.template(self.image_size, 1.0))
        given = {name: array for name, array in weights.items() if not self._is_of_head(name)}
        missing, left_over = sorted(expected.keys() - given), sorted(given.keys() - expected)
        if missing or left_over:
            raise InputError(
                f"not the weights of {self.label}: missing {_listed(missing)}; left over {_listed(left_over)}",
                field="weights",
            )
        return {name: _finite(name, given[name]) for name in expected}

    def _is_of_head(self, name: str) -> bool:
        return name.rpartition("/")[0] == self.head


def _listed(names: list[str]) -> str:
    listed = ", ".join(names[:MAX_LISTED]) or "none"
    return listed + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    found = np.asarray(array, np.float32)
    if not np.isfinite(found).all():
        raise InputError(f"{name} holds values that are not finite (NaN or infinite)", field="weights")
    return found
