"""A whole configuration, typed: made once where it comes in, from plain values."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfp_insects.data.config import DataConfig
from tfp_insects.data.pipeline import Augmentation
from tfp_insects.errors import InputError
from tfp_insects.models.architecture_table import find_architecture
from tfp_insects.models.config import DEFAULT_ARCHITECTURE, ModelConfig
from tfp_insects.models.method_table import methods
from tfp_insects.models.precision import resolve_precision
from tfp_insects.models.templates.files import is_model_file
from tfp_insects.plain import from_plain, to_plain
from tfp_insects.training.config import TrainingConfig

MOMENTS, MONTE_CARLO = "moments", "monte_carlo"


@dataclasses.dataclass(frozen=True)
class Draws:
    """How often random layers are drawn.

    Attributes:
        num_samples: Passes: draws of all random layers, or by moments of those before the dense ones.
        num_last_layer_samples: Draws of the last random layer, or by moments of the logits, for each of these.
    """

    num_samples: int
    num_last_layer_samples: int


MOMENTS_DRAWS = Draws(num_samples=2, num_last_layer_samples=64)


@dataclasses.dataclass(frozen=True)
class PredictionConfig:
    """How a trained network answers.

    Attributes:
        method: `moments`, where they pass through the network's end, or `monte_carlo`. Runs that do not say had the latter.
        num_samples: See `Draws`.
        num_last_layer_samples: See `Draws`.
        monte_carlo: The same for Monte Carlo, which needs more, where it is the method or stands in for moments.
        batch_size: Images answered at once.
    """

    method: str = MONTE_CARLO
    num_samples: int = 30
    num_last_layer_samples: int = 1
    monte_carlo: Draws | None = None
    batch_size: int = 64

    def __post_init__(self) -> None:
        _require_predictor(self.method, "prediction.method")

    def draws(self, method: str) -> Draws:
        """The numbers of draws of a method, which may be the one that stands in."""
        if method == MONTE_CARLO and self.monte_carlo is not None:
            return self.monte_carlo
        return Draws(self.num_samples, self.num_last_layer_samples)


def _require_predictor(name: str, field: str) -> None:
    if name not in (MOMENTS, MONTE_CARLO):
        raise InputError(f"{field}={name!r}: expected {MOMENTS} or {MONTE_CARLO}", field=field)


@dataclasses.dataclass(frozen=True)
class PretrainingConfig:
    """Training on painted classes, where no pretrained weights are to be had."""

    num_per_class: int
    epochs: int
    learning_rate: float
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """All sections.

    Attributes:
        data: Which images are used for what.
        augmentation: Random changes of training images.
        model: The network that all methods have; its precision is resolved.
        training: How long all methods train.
        prediction: How trained networks answer.
        pretraining: On painted classes.
        methods: The sections of the methods by their names, each of the type that its method says.
    """

    data: DataConfig
    augmentation: Augmentation
    model: ModelConfig
    training: TrainingConfig
    prediction: PredictionConfig
    pretraining: PretrainingConfig
    methods: Mapping[str, Any]

    def __post_init__(self) -> None:
        _require_predictor(self.training.validation_method, "training.validation_method")

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "RunConfig":
        """Reads plain values, as configuration files give them.

        Raises:
            InputError: A field is unknown, missing or of another type, or there is no such network; the message names it.
        """
        shared = {field.name for field in dataclasses.fields(cls)} - {"methods"}
        types = {method.section_name or method.name: method.section_type for method in methods()}
        types |= {name: kind for method in methods() for name, kind in method.more_sections.items()}
        model = plain.get("model", {})
        if isinstance(model, Mapping):
            plain = {**plain, "model": _resolved(model)}
        known = dataclasses.make_dataclass(
            "Configuration",
            [
                *((field.name, field.type) for field in dataclasses.fields(cls) if field.name in shared),
                *((name, kind | None, None) for name, kind in types.items()),
            ],
        )
        read: Any = from_plain(known, plain)
        sections = {name: section for name in types if (section := getattr(read, name)) is not None}
        return cls(**{name: getattr(read, name) for name in shared}, methods=sections)

    def replaced(self, fields: Mapping[str, Any]) -> "RunConfig":
        """The same with other values in some fields, by their paths: `{"training.epochs": 3}`."""
        plain = self.to_plain()
        for path, value in fields.items():
            *sections, name = path.split(".")
            functools.reduce(lambda section, one: section[one], sections, plain)[name] = value
        return RunConfig.from_plain(plain)

    def to_plain(self) -> dict[str, Any]:
        """Plain values, the methods' sections beside the others."""
        plain = to_plain(self)
        return {**{name: value for name, value in plain.items() if name != "methods"}, **plain["methods"]}


def _resolved(model: Mapping[str, Any]) -> dict[str, Any]:
    """The section `model` with the precision that `auto` stands for, the side that 0 stands for, and a whole path."""
    found = dict(model)
    if isinstance(found.get("precision"), str):
        found["precision"] = resolve_precision(found["precision"])
    name = found.get("architecture", DEFAULT_ARCHITECTURE)
    if isinstance(name, str):
        if is_model_file(name):  # From wherever a later command is called.
            found["architecture"] = str(Path(name).expanduser().absolute())
        if found.get("image_size") == 0:
            found["image_size"] = find_architecture(name).image_size
    return found
