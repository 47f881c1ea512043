"""What a value of `--model` has to say; all else is shared."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import tf_keras

from tfp_insects.models.alexnet.network import Architecture
from tfp_insects.models.bnn import Bayesian, make_bayesian


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """What a network is built from.

    Attributes:
        config: Plain configuration of a run, `model.precision` resolved.
        num_classes: Units of the last layer.
        num_train_examples: Training images, by which divergences are divided.
        seed: Integer that determines initial weights and noise.
        is_pretrained: Whether pretrained weights will be loaded; without them a prior cannot be centred on them.
    """

    config: Mapping[str, Any]
    num_classes: int
    num_train_examples: int
    seed: int
    is_pretrained: bool

    @property
    def architecture(self) -> Architecture:
        """What all models share."""
        model = self.config["model"]
        return Architecture(self.num_classes, model["image_size"], model["width_multiplier"], model["precision"])

    def bayesian(self, layers: str) -> Bayesian:
        """The BNN's priors and posteriors on some of the layers: `all`, `classifier` or `head`."""
        return make_bayesian(self.config["bnn"], layers, self.is_pretrained)


class Kind(abc.ABC):
    """A value of `--model`.

    Attributes:
        name: The value.
        fits_temperature: Whether a temperature is fitted on validation data and divides the logits of all predictions.
        trains_like: Name of a model that trains in the same way from the same seed, if any: its run is not repeated.
    """

    name: ClassVar[str]
    fits_temperature: ClassVar[bool] = False
    trains_like: ClassVar[str | None] = None

    @abc.abstractmethod
    def build(self, blueprint: Blueprint) -> tf_keras.Sequential:
        """Builds one network, images to logits."""

    @property
    def sections(self) -> tuple[str, ...]:
        """Sections of the configuration that its training reads, besides those that all read; its own first."""
        return (self.name,)

    def section(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its own section of the configuration: learning rates and what else is its own."""
        return config[self.name]

    def uses_pretrained(self, config: Mapping[str, Any]) -> bool:
        """Whether it starts at pretrained weights where there are any."""
        return self.section(config).get("use_pretrained", True)

    def bayesian_layers(self, config: Mapping[str, Any]) -> str | None:
        """Which layers have a posterior, as `models.alexnet.bayesian_layer_names` has it; none by default."""
        del config
        return None

    def member_seeds(self, config: Mapping[str, Any], seed: int) -> list[int]:
        """A seed for each network of a run."""
        del config
        return [seed]
