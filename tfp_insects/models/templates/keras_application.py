"""A network of `tf_keras.applications`."""

import contextlib
import dataclasses
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.models.architecture import ImageStatistics
from tfp_insects.models.templates.architecture import TemplateArchitecture

if TYPE_CHECKING:
    import tf_keras

CONNECT_SECONDS = 10.0
# What `preprocess_input` of the networks does, as mean and standard deviation of images in [0, 1].
TO_ONE_AROUND_ZERO = ImageStatistics((0.5,) * 3, (0.5,) * 3)
CENTRED_GREY_LEVELS = ImageStatistics((123.68 / 255.0, 116.779 / 255.0, 103.939 / 255.0), (1.0 / 255.0,) * 3)


@dataclasses.dataclass(frozen=True)
class KerasApplication(TemplateArchitecture):
    """A network of `tf_keras.applications`, whose weights tf_keras downloads.

    Attributes:
        name: The design's own, and its file's.
        label: What pages call it.
        function: Its function's name.
        statistics: What its `preprocess_input` amounts to, for images in RGB.
        image_size: Side that its weights were trained with.
        min_image_size: The smallest that the function takes.
        head: Its last layer.
        normalises_itself: See `Architecture`.
        width_argument: Of its function, where its widths can be scaled; else empty.
        bgr_kernel: Name of the kernel that sees the image, where the weights expect BGR; else empty. It is turned around.
        settings: See `Architecture`.
        weights_licence: See `Architecture`.
    """

    name: str
    label: str
    function: str
    statistics: ImageStatistics = TO_ONE_AROUND_ZERO
    image_size: int = 224
    min_image_size: int = 32
    head: str = "predictions"
    normalises_itself: bool = False
    width_argument: str = ""
    bgr_kernel: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    weights_licence: str = (
        "Started at weights of tf_keras.applications (Apache-2.0 code) trained on ImageNet, whose images are for "
        "non-commercial research."
    )

    @property
    def has_widths(self) -> bool:  # type: ignore[override]
        """Whether its widths can be scaled."""
        return bool(self.width_argument)

    def template(self, image_size: int, width_multiplier: float) -> "tf_keras.Model":
        """The network at random weights."""
        return self._make(None, width_multiplier, input_shape=(image_size, image_size, 3), classes=2)

    def published_weights(self, cache_dir: Path, width_multiplier: float = 1.0) -> dict[str, np.ndarray]:
        """Has tf_keras download its file, which it keeps in a folder of its own and whose hash it checks."""
        del cache_dir
        try:
            with _time_limit(CONNECT_SECONDS):
                model = self._make("imagenet", width_multiplier)
        except Exception as error:  # What tf_keras raises for a failed download is a plain Exception.
            raise InputError(
                f"weights of {self.label} cannot be downloaded by tf_keras: {_one_line(error)}. Name a file of them "
                "(a path that ends in .h5), or do without (none)",
                field="weights",
            ) from error
        return self.convert_keras(self.weights_in(model))

    def convert_keras(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Weights of tf_keras's own file, for images in RGB."""
        if self.bgr_kernel not in weights:
            return self.check_weights(weights)
        return self.check_weights({**weights, self.bgr_kernel: weights[self.bgr_kernel][:, :, ::-1]})

    def _make(self, weights: str | None, width_multiplier: float, **arguments: Any) -> "tf_keras.Model":
        import tf_keras

        if self.width_argument:
            arguments[self.width_argument] = width_multiplier
        return getattr(tf_keras.applications, self.function)(weights=weights, classifier_activation=None, **arguments)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Limits how long connections that are opened within are waited for."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
