"""The CNN with honest confidences."""

from collections.abc import Mapping
from typing import Any

from tfp_insects.models.methods.cnn import Cnn


class CnnTemperature(Cnn):
    """The CNN, or one trained in the same way; its logits are divided by a temperature (Guo et al. 2017).

    The temperature is fitted on the validation images, after training.
    """

    name = "cnn_temperature"
    fits_temperature = True
    trains_like = "cnn"

    @property
    def sections(self) -> tuple[str, ...]:
        """The CNN's."""
        return ("cnn",)

    def section(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The CNN's."""
        return config["cnn"]
