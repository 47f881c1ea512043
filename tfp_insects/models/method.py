"""What a value of `--model` has to say; all else is shared.

A method is one file in `models/methods`, called as the method is. These files are read for help texts too, so none of them
imports TensorFlow before a network is built.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from tfp_insects.models.config import CnnConfig, NetworkConfig, SwagConfig

if TYPE_CHECKING:
    import tf_keras

    from tfp_insects.models.architecture import Architecture, NetworkSpec
    from tfp_insects.models.bnn import Bayesian

Colour = Literal["blue", "orange", "green", "pink", "vermillion", "sky", "muted"]
Line = Literal["-", "--", "-.", ":", ""]
Role = Literal["reference", "twin", "baseline"]


class Mark(NamedTuple):
    """How a method is drawn: never by its colour alone, for readers who do not see it.

    Attributes:
        colour: A name of the report's palette.
        marker: As in matplotlib: `o s ^ v < h D P X`.
        line: As in matplotlib.
    """

    colour: Colour
    marker: str
    line: Line


@dataclasses.dataclass(frozen=True)
class Blueprint:
    """What a network is built from.

    Attributes:
        config: Of a run.
        num_classes: Units of the last layer.
        num_train_examples: Training images, by which divergences are divided.
        seed: Integer that determines initial weights and noise.
        is_pretrained: Whether pretrained weights will be loaded; without them a prior cannot be centred on them.
    """

    config: NetworkConfig
    num_classes: int
    num_train_examples: int
    seed: int
    is_pretrained: bool

    @property
    def architecture(self) -> Architecture:
        """The network design."""
        from tfp_insects.models.architecture_table import architecture_of

        return architecture_of(self.config)

    @property
    def spec(self) -> NetworkSpec:
        """Widths, input and precision, which all methods share."""
        from tfp_insects.models.architecture import NetworkSpec
        from tfp_insects.models.precision import resolve_precision

        model = self.config.model
        precision = resolve_precision(model.precision)
        return NetworkSpec(self.architecture, self.num_classes, model.image_size, model.width_multiplier, precision)

    def bayesian(self, layers: str) -> Bayesian:
        """The BNN's priors and posteriors on some of the layers: `all`, `classifier` or `head`."""
        from tfp_insects.models.bnn import make_bayesian

        return make_bayesian(self.config.methods["bnn"], layers, self.is_pretrained)


class Method(abc.ABC):
    """A value of `--model`.

    Attributes:
        name: The value, and the name of its file.
        label: What pages and tables call it.
        mark: How it is drawn.
        role: `reference` is what others are compared with, a `twin` is what is compared, a `baseline` stands beside them.
        order: Its place in lists: the twins first, then variants and baselines in the order of their cost.
        section_name: Its own section of the configuration; that of its name by default.
        section_type: The dataclass of that section.
        more_sections: Further sections of its own by their names, with their dataclasses.
        is_bayesian: Whether some of its layers have a posterior, see `bayesian_layers`.
        is_exportable: Whether one network, with or without a posterior, is all of it, so that `serving` can export it.
        runs_all_seeds: Whether the benchmark repeats it with every seed; the dearer baselines are run with the first alone.
        fits_temperature: Whether a temperature is fitted on validation data and divides the logits of all predictions.
        has_last_layer_posterior: Whether its last layer gets a posterior once it is trained, from the training images, which
            is kept beside the weights.
        twin_rank: Among twins, the lower stands for the twin where that was not run.
        trains_like: Name of a method that trains in the same way from the same seed, if any: its run is not repeated.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    mark: ClassVar[Mark] = Mark("muted", "X", ":")
    role: ClassVar[Role] = "baseline"
    order: ClassVar[int] = 100
    section_name: ClassVar[str] = ""
    section_type: ClassVar[type] = CnnConfig
    more_sections: ClassVar[Mapping[str, type]] = {}
    is_bayesian: ClassVar[bool] = False
    is_exportable: ClassVar[bool] = False
    runs_all_seeds: ClassVar[bool] = True
    fits_temperature: ClassVar[bool] = False
    has_last_layer_posterior: ClassVar[bool] = False
    twin_rank: ClassVar[int] = 0
    trains_like: ClassVar[str | None] = None

    @abc.abstractmethod
    def build(self, blueprint: Blueprint) -> tf_keras.Model:
        """Builds one network, images to logits."""

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the sections of the configuration that are methods', and that its training reads."""
        return (self.section_name or self.name, *self.more_sections)

    def section(self, config: NetworkConfig) -> Any:
        """Its own section of the configuration, a `section_type`: learning rates and what else is its own."""
        return config.methods[self.section_name or self.name]

    def uses_pretrained(self, config: NetworkConfig) -> bool:
        """Whether it starts at pretrained weights where there are any."""
        return self.section(config).use_pretrained

    def bayesian_layers(self, config: NetworkConfig) -> str | None:
        """Which layers have a posterior, a scope of `models.architecture`; none by default."""
        del config
        return None

    def snapshots(self, config: NetworkConfig) -> SwagConfig | None:
        """How snapshots of its weights are collected once it is trained; none by default."""
        del config
        return None

    def member_seeds(self, config: NetworkConfig, seed: int) -> list[int]:
        """A seed for each network of a run."""
        del config
        return [seed]
