"""What a network design has to say of itself; all else of the package knows none by name.

A design is one file in `models/architectures`, called as the design is, which defines `ARCHITECTURE`.
"""

import abc
import dataclasses
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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


# The inputs stay in [0, 255].
GREY_LEVELS = ImageStatistics((0.0,) * 3, (1.0 / 255.0,) * 3)


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
    image_size: int
    width_multiplier: float = 1.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not self.width_multiplier > 0.0:
            raise InputError(f"model.width_multiplier must be positive; got {self.width_multiplier}")
        self.architecture.require_image_size(self.image_size)
        if self.width_multiplier != 1.0 and not self.architecture.has_widths:
            raise InputError(
                f"model.width_multiplier={self.width_multiplier:g}: {self.architecture.label} has one width alone; give 1",
                field="model.width_multiplier",
            )

    def width(self, units: int) -> int:
        """A layer's width after scaling, at least 1."""
        return max(1, round(units * self.width_multiplier))


class Architecture(abc.ABC):
    """A network design.

    Its layers with weights are in three groups: the `head` gives the logits, `hidden` are those between features and head,
    mostly dense ones, and all others are `features`. Layers are named by their path, `base/dense` in a nested model.

    Attributes:
        name: What configurations call it.
        label: What pages call it.
        image_size: Side of its input in pixels unless another is asked for.
        min_image_size: Smallest side of its input in pixels.
        statistics: Of the images that its pretrained weights were trained on.
        normalises_itself: Whether layers within make the best of grey levels in [0, 255], and statistics are not used.
        has_widths: Whether its widths can be scaled.
        hidden: Names of the layers between features and head, from input to output.
        head: Name of the last dense layer.
        point_estimates: Names of layers that could have a posterior in the twin, and have none.
        settings: Fields of a configuration, such as `cnn.learning_rate`, with the values that suit this design. The command
            line puts them over the configuration and under what the user sets.
        published_name: What records call the published weights.
        weights_licence: What a model card says where the published weights were used.
    """

    name: str
    label: str
    image_size: int
    min_image_size: int
    statistics: ImageStatistics
    normalises_itself: bool = False
    has_widths: bool = True
    hidden: tuple[str, ...] = ()
    head: str
    point_estimates: frozenset[str] = frozenset()
    settings: Mapping[str, Any] = types.MappingProxyType({})
    published_name: str = "imagenet"
    weights_licence: str = ""

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
    def published_weights(self, cache_dir: Path, width_multiplier: float = 1.0) -> dict[str, np.ndarray]:
        """The design's own pretrained weights, as `check_weights` gives them.

        Args:
            cache_dir: Where what is downloaded may be kept.
            width_multiplier: Factor of all widths.

        Raises:
            InputError: They cannot be had, or not for this width; the message says what to do.
        """

    @abc.abstractmethod
    def check_weights(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Checks weights in Keras' layout: `<layer>/<variable>`, with Keras' names of variables, such as `kernel`.

        Returns:
            The same as float32.

        Raises:
            InputError: Names are missing or left over, shapes are another network's, or a value is not finite.
        """

    def convert_keras(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Turns the weights in a file of tf_keras's own into those of `check_weights`; mostly they are these."""
        return self.check_weights(weights)

    def convert_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Turns torch's names and layout into those of `check_weights`.

        Raises:
            InputError: The weights are not this network's, or it is not known how torch calls them.
        """
        del state_dict
        raise InputError(f"weights of {self.label} are read from .h5 or .npz files, not from torch's", field="weights")

    def torch_name(self, name: str) -> str:
        """What torch calls a weight of ours."""
        raise NotImplementedError(f"{self.label} has no counterpart in torch; asked for {name}")

    def require_image_size(self, image_size: int) -> None:
        """Raises `InputError` for a side that the network cannot have."""
        if image_size < self.min_image_size:
            raise InputError(
                f"model.image_size must be at least {self.min_image_size} pixels; got {image_size}",
                field="model.image_size",
            )

    def require_published_width(self, width_multiplier: float) -> None:
        """Raises `InputError` for a width that the published weights are not of, where these are of 1 alone."""
        if width_multiplier != 1.0:
            raise InputError(
                f"model.width_multiplier={width_multiplier:g}: there are published weights of {self.label} for 1 alone",
                field="model.width_multiplier",
            )

    @property
    def input_statistics(self) -> ImageStatistics:
        """By which images are normalised for the pretrained network, or for layers that normalise them themselves."""
        return GREY_LEVELS if self.normalises_itself else self.statistics

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file that the design is in; empty for those that come with the program."""
        return ""

    def group_of(self, path: str) -> Group:
        """The group of a layer with weights."""
        if path == self.head:
            return "head"
        return "hidden" if path in self.hidden else "features"


def groups_of(scope: str) -> tuple[Group, ...]:
    """The groups of a scope.

    Args:
        scope: `all`, `classifier` (what lies behind the features) or `head`.

    Raises:
        InputError: There is no such scope.
    """
    if scope not in SCOPES:
        raise InputError(f"layers={scope!r} is unknown; expected one of {', '.join(SCOPES)}")
    return SCOPES[scope]
