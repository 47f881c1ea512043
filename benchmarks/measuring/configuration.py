"""What one benchmark process runs, and which processes a table needs."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfp_insects.errors import InputError

STOCK = "tfp_flipout"
# Fields of configs/study.py that make a model of it. Features can be cached only where nothing is augmented.
NOT_AUGMENTED: Mapping[str, Any] = {"augmentation.flip": False, "augmentation.shift": 0.0}
FROZEN_FEATURES: Mapping[str, Any] = {**NOT_AUGMENTED, "model.freeze_features": True}
FROZEN_HIDDEN: Mapping[str, Any] = {**FROZEN_FEATURES, "model.freeze_classifier": True}
WEIGHT_SCALE: Mapping[str, Any] = {
    f"bnn.{section}.{field}": value
    for section in ("hidden", "features")
    for field, value in {
        "prior.scale": 1.0,
        "posterior_ratio": 0.3,
        "scale_per_weight": True,
        "learn_scale": True,
    }.items()
}
OVERRIDES: Mapping[str, Mapping[str, Any]] = {
    "cnn": {},
    "bnn": {},
    "bnn_weight_scale": WEIGHT_SCALE,
    "cnn_classifier": FROZEN_FEATURES,
    "bnn_classifier": {**FROZEN_FEATURES, "bnn.layers": "classifier"},
    "cnn_head": FROZEN_HIDDEN,
    "bnn_head": {**FROZEN_HIDDEN, "bnn.layers": "head"},
}
MODELS = (*OVERRIDES, STOCK)
MODES = ("forward", "train", "predict", "predict_mean", "predict_monte_carlo")
# Draws of what lies before the dense layers, and of the logits for each of these.
BY_MOMENTS: Mapping[str, tuple[int, int]] = {"predict": (2, 64), "predict_mean": (1, 128)}
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One row of a table.

    Attributes:
        model: One of `MODELS`.
        mode: One of `MODES` on random images, or an epoch on drawn or photographed ones: `epoch_images` (decoded, resized and
            passed through all layers), `epoch_features` (features cached), `epoch_pipeline` (the images alone, no model).
            `predict` has a mirrored pair of draws of what lies before the dense layers, `predict_mean` its mean.
        dtype: Keras policy.
        batch_size: Images in a training step or a call of `predict`.
        image_size: Side of the square input in pixels.
        width_multiplier: Factor of all widths; 1 is AlexNet.
        num_samples: Draws of a prediction by Monte Carlo.
        num_classes: Units of the last layer, and classes of the data.
        n_per_class: Training images of each class in an epoch.
        data: What `scripts/run.py --data` takes, for epochs.
        cache_dir: Where drawn images are kept.
    """

    model: str = "cnn"
    mode: str = "train"
    dtype: str = "mixed_bfloat16"
    batch_size: int = 64
    image_size: int = 227
    width_multiplier: float = 1.0
    num_samples: int = 30
    num_classes: int = 10
    n_per_class: int = 50
    data: str = "synthetic"
    cache_dir: str = "~/.cache/tfp_insects"

    def __str__(self) -> str:
        return f"{self.model} {self.mode} {self.dtype} batch {self.batch_size}"

    def to_json(self) -> str:
        """One line, from which `from_json` makes the same again."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Configuration":
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))

    @property
    def is_possible(self) -> bool:
        """TFP's own Flipout layers raise under mixed precision."""
        return self.model != STOCK or self.dtype == "float32"


def require_known(flag: str, values: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Checks the words given to a flag.

    Raises:
        InputError: One is unknown, or there are none.
    """
    for value in values:
        if value not in known:
            raise InputError(f"--{flag}={value}: unknown; expected one or more of {', '.join(known)}")
    if not values:
        raise InputError(f"--{flag}: expected one or more of {', '.join(known)}")
    return tuple(values)


def require_positive(flag: str, values: Sequence[str]) -> tuple[int, ...]:
    """Reads the whole numbers given to a flag.

    Raises:
        InputError: One is no whole number of at least 1, or there are none.
    """
    if not values or any(not value.isascii() or not value.isdigit() or int(value) < 1 for value in values):
        raise InputError(f"--{flag}={','.join(values)}: expected whole numbers of at least 1")
    return tuple(int(value) for value in values)
