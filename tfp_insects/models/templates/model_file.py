"""A design that is a model which a user saved."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfp_insects.data.imagenet import IMAGENET_MEAN, IMAGENET_STD
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import ImageStatistics
from tfp_insects.models.templates.architecture import TemplateArchitecture
from tfp_insects.models.templates.files import fingerprint, load_model

if TYPE_CHECKING:
    import tf_keras

FREE_SIZE = 224
MIN_FREE_SIZE = 32


class ModelFile(TemplateArchitecture):
    """The layers of a saved model, whose weights are the pretrained ones.

    Images go in as the model expects them: as grey levels in [0, 255] where it has a layer that normalises them (Rescaling,
    Normalization), else normalised as those of ImageNet in torchvision.

    Args:
        path: A `.keras` or `.h5` file or a SavedModel of tf_keras.

    Raises:
        InputError: It cannot be used; the message says what to do.
    """

    def __init__(self, path: Path) -> None:
        from tfp_insects.models.templates.inspection import inspect_model

        self._path = path
        try:
            found = inspect_model(self._model)
        except InputError as error:
            raise InputError(f"{path}: {error}", field="model.architecture") from error
        self.name = self._model.name
        self.label = self.published_name = path.name
        self.weights_licence = (
            f"Started at the weights in {path.name}: their terms bind this model where they reach that far."
        )
        self.statistics = ImageStatistics(IMAGENET_MEAN, IMAGENET_STD)
        self.normalises_itself = found.normalises_itself
        self.head, self.hidden, self._side = found.head, found.hidden, found.side
        self.image_size = self._side or FREE_SIZE
        self.min_image_size = self._side or MIN_FREE_SIZE
        self.has_widths = False

    @functools.cached_property
    def _model(self) -> "tf_keras.Model":
        return load_model(self._path)

    @functools.cached_property
    def _fingerprint(self) -> str:
        return fingerprint(self._path)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return self._fingerprint

    def template(self, image_size: int, width_multiplier: float) -> "tf_keras.Model":
        """The model, for images of another side if it is for any."""
        import tf_keras

        del width_multiplier
        if self._side is not None:
            return self._model
        inputs = tf_keras.Input([image_size, image_size, 3], dtype="float32")
        return tf_keras.models.clone_model(self._model, input_tensors=inputs)

    def published_weights(self, cache_dir: Path, width_multiplier: float = 1.0) -> dict[str, np.ndarray]:
        """Those of the model."""
        del cache_dir, width_multiplier
        return self.weights_in(self._model)

    def require_image_size(self, image_size: int) -> None:
        """Raises `InputError` for another side than the model's own."""
        if self._side is not None and image_size != self._side:
            raise InputError(
                f"model.image_size={image_size}: {self.label} takes images of {self._side} x {self._side} pixels alone; give "
                "0, or save a model whose input has the shape [None, None, 3]",
                field="model.image_size",
            )
        super().require_image_size(image_size)
