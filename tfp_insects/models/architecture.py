"""What a network design has to say of itself; all else of the package knows none by name.

A design is one file in `models/architectures`, called as the design is, which defines `ARCHITECTURE`.
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from tfp_insects.errors import InputError

if TYPE_CHECKING:  # Whoever only converts weights does not wait for TensorFlow.
    import tf_keras

Group = Literal["features", "hidden", "head"]
# The layers of these groups are trained, frozen or made Bayesian together.
SCOPES: Mapping[str, tuple[Group, ...]] = {
    "all": ("features", "hidden", "head"),
    "classifier": ("hidden", "head"),
    "head": ("head",),
}
MakeDropout = Callable[..., "tf_keras.layers.Layer"]


class ImageStatistics(NamedTuple):
    """Mean and standard deviation of each channel, in units of [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class PretrainedFile(NamedTuple):
    """Where a design's own weights can be had, and the SHA-256 of the whole file in hex."""

    url: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """A design and what its networks differ in.

    Attributes:
        architecture: The design.
        num_classes: Units of the last layer.
        image_size: Side of the square input in pixels.
        width_multiplier: Factor of all widths, for quick experiments; 1 is the published network.
        precision: Keras policy (`float32`, `mixed_bfloat16`, `mixed_float16`). Logits are float32 always.
    """

    architecture: "Architecture"
    num_classes: int
    image_size: int = 227
    width_multiplier: float = 1.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not self.width_multiplier > 0.0:
            raise InputError(f"model.width_multiplier must be positive; got {self.width_multiplier}")
        smallest = self.architecture.min_image_size
        if self.image_size < smallest:
            raise InputError(f"model.image_size must be at least {smallest} pixels; got {self.image_size}")

    def width(self, units: int) -> int:
        """A layer's width after scaling, at least 1."""
        return max(1, round(units * self.width_multiplier))


class Architecture(abc.ABC):
    """A network design.

    Attributes:
        name: What configurations call it.
        label: What pages call it.
        min_image_size: Smallest side of its input in pixels.
        statistics: Of the images that its pretrained weights were trained on.
        pretrained_file: Where those weights can be had.
        groups: Names of the layers that have kernels, from input to output. `features` see the image, `head` gives the
            logits, `hidden` are between them.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    min_image_size: ClassVar[int]
    statistics: ClassVar[ImageStatistics]
    pretrained_file: ClassVar[PretrainedFile]
    groups: ClassVar[Mapping[Group, tuple[str, ...]]]

    @abc.abstractmethod
    def build(self, spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None = None) -> "tf_keras.Model":
        """A deterministic network that starts at random, its head at zero.

        Args:
            spec: Widths, input and precision.
            seed: Integer that determines the initial weights.
            make_dropout: Called with `name, dtype` for each place of dropout; none leaves it out.

        Returns:
            A model from float32 `[batch, image_size, image_size, 3]` to float32 logits `[batch, num_classes]`.
        """

    @abc.abstractmethod
    def convert_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Turns torch's names and layout into `<layer>/kernel` and `<layer>/bias`, float32, in Keras' layout.

        Raises:
            InputError: Names are missing or left over, shapes are another network's, or a value is not finite.
        """

    @abc.abstractmethod
    def check_weights(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Checks weights that are in Keras' layout already, as `convert_state_dict` does."""

    @abc.abstractmethod
    def torch_name(self, name: str) -> str:
        """What torch calls a weight of ours."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Layers that have kernels, from input to output."""
        return tuple(name for group in SCOPES["all"] for name in self.groups[group])

    @property
    def head(self) -> str:
        """The layer that gives the logits."""
        return self.groups["head"][-1]

    def group_of(self, layer_name: str) -> Group:
        """The group of a layer that has a kernel."""
        return next(group for group, names in self.groups.items() if layer_name in names)

    def layers_in(self, scope: str) -> tuple[str, ...]:
        """Names of the layers of a scope.

        Args:
            scope: `all`, `classifier` (what lies behind the features) or `head`.

        Raises:
            InputError: There is no such scope.
        """
        if scope not in SCOPES:
            raise InputError(f"layers={scope!r} is unknown; expected one of {', '.join(SCOPES)}")
        return tuple(name for group in SCOPES[scope] for name in self.groups[group])
