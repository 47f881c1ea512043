"""What a run is: what it was trained with, by which runs are compared, and, apart from that, how it predicts.

A run's `config.json` holds both. Runs are the same if they were trained with the same: a change in how they predict, or in
what only another method reads, does not touch them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfp_insects.errors import InputError
from tfp_insects.files import read_json
from tfp_insects.models.config import DEFAULT_ARCHITECTURE
from tfp_insects.models.method_table import find_method, methods
from tfp_insects.runs.fields import COUNT, INTEGER, MAPPING, NAMES, TEXT, TRUTH, Field, require_fields
from tfp_insects.runs.renamed import with_new_names

# Of `config.json` and `record.json`. Version 0.1.0 of the program wrote none, which is format 1: with the whole
# configuration inside, and with all draws counted as `num_samples`.
FORMAT = 2
# Names are no part of it: a folder that is renamed, or zipped, holds the same images.
FIELDS = (
    *("model", "n_per_class", "seed", "num_train_examples", "batch_size", "preprocessing", "class_names"),
    *("data_fingerprint", "split_fingerprint", "weights_fingerprint", "architecture_fingerprint"),
)
# What every `config.json` has of what is asked of a finished run.
IDENTITY: Mapping[str, Field] = {
    "model": TEXT,
    "n_per_class": COUNT,
    "seed": INTEGER,
    "num_train_examples": COUNT,
    "preprocessing": Field(dict, lambda value: _is_preprocessing(value)),
    "class_names": NAMES,
    "data": TEXT,
    "data_fingerprint": TEXT,
    "weights": TEXT,
    "weights_fingerprint": TEXT,
    "drawn": TRUTH,
    "config": MAPPING,
}
SHARED_SECTIONS = ("data", "augmentation", "model", "training")
# Fields of these that leave the trained weights as they are. What those of the data choose is in the fingerprints.
NOT_TRAINED_WITH: Mapping[str, Sequence[str]] = {
    "data": ("max_n_per_class", "on_bad_image", "ood_classes"),
    "model": ("max_feature_cache_megabytes",),
    "training": ("checkpoint_seconds",),
}
# Fields that came later, by their last name, with the value that does what was done without them.
ADDED: Mapping[str, Any] = {
    "temperature": 1.0,
    "covariance_scale": 0.0,
    "leverage_scale": 0.0,
    "covariance_scale_by": "fixed",
    "fits_logit_temperature": False,
    "dropout": 0.0,
    "num_last_layer_samples": 1,
    "method": "monte_carlo",
    "validation_method": "monte_carlo",
    "architecture": DEFAULT_ARCHITECTURE,
    "architecture_fingerprint": "",
    "deterministic": False,
    "folds": 0,
}
NOT_READ_WITH_FOLDS = ("num_test_per_class", "num_validation_per_class")


class Difference(NamedTuple):
    """A field in which two runs differ, by its path in `config.json`, and its two values."""

    field: str
    before: Any
    now: Any


def kept_sections(model: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without the sections that other methods alone read.

    Args:
        model: Name of the method.
        config: Plain configuration.
    """
    foreign = {section for method in methods() for section in method.sections} - set(find_method(model).sections)
    return {name: section for name, section in config.items() if name not in foreign}


def trained_with(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's weights depend on, from its `config.json` of any format."""
    config = identity["config"]
    sections = (*SHARED_SECTIONS, *find_method(identity["model"]).sections)
    return {
        **{name: identity.get(name, ADDED.get(name)) for name in FIELDS},
        "config": {name: _without(config.get(name, {}), _not_trained_with(identity, name)) for name in sections},
    }


def _not_trained_with(identity: Mapping[str, Any], section: str) -> tuple[str, ...]:
    unread = list(NOT_TRAINED_WITH.get(section, ()))
    if section == "data" and _number_of_folds(identity):
        unread += NOT_READ_WITH_FOLDS
    # Where no layer is Bayesian, no epoch is judged by moments, whatever is asked for.
    if section == "training" and not find_method(identity["model"]).is_bayesian:
        unread.append("validation_method")
    # Of a file with a network, its content counts, wherever it is.
    if section == "model" and identity.get("architecture_fingerprint"):
        unread.append("architecture")
    return tuple(unread)


def _number_of_folds(identity: Mapping[str, Any]) -> Any:
    data = identity["config"].get("data")
    return data.get("folds", 0) if isinstance(data, Mapping) else 0


def _is_preprocessing(value: Mapping[str, Any]) -> bool:
    return COUNT.objection(value.get("image_size")) is None and all(map(_is_colour, map(value.get, ("mean", "std"))))


def _is_colour(value: Any) -> bool:
    """Whether it is one number for each channel, or for all."""
    return isinstance(value, list) and len(value) in (1, 3) and all(isinstance(one, int | float) for one in value)


def predicted_with(identity: Mapping[str, Any]) -> dict[str, Any]:
    """On what a trained run's predictions depend; how many images are predicted at once is no part of it."""
    return {"config": {"prediction": _without(identity["config"].get("prediction", {}), ("batch_size",))}}


def first_difference(before: Any, now: Any, field: str = "") -> Difference | None:
    """The first field, in alphabetical order, in which two nested mappings of plain values differ."""
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return None if before == now else Difference(field, before, now)
    for name in sorted(before.keys() | now.keys()):
        first, second = (one.get(name, ADDED.get(name)) for one in (before, now))
        found = first_difference(first, second, f"{field}.{name}" if field else name)
        if found is not None:
            return found
    return None


def read_identity(path: Path) -> dict[str, Any]:
    """Reads a `config.json` of any format; its fields have the names of now.

    Raises:
        InputError: It cannot be read, lacks what every one has, or is of a newer version; the message names the file.
    """
    identity = read_json(path)
    require_known_format(identity, path)
    for name in ("model", "config"):
        if name not in identity:
            raise InputError(f"{path} has no field {name!r}, so it does not say what the run is: remove its directory")
    require_fields(path, identity, IDENTITY, may_lack=True)
    return {**identity, "config": with_new_names(identity["config"])}


def require_known_format(content: Mapping[str, Any], path: Path) -> None:
    """Raises `InputError` for the content of a file that a newer version of the program wrote."""
    number = content.get("format", 1)
    if not isinstance(number, int) or number > FORMAT:
        raise InputError(
            f"{path} is of format {in_words(number)}; this version of the program reads formats up to {FORMAT}: "
            "use the version that wrote it, or give another work directory"
        )


def in_words(value: Any) -> str:
    """A value in JSON, not too long for a line."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without(section: Any, names: Iterable[str]) -> Any:
    if not isinstance(section, Mapping):  # A file that was changed by hand differs, whatever it is.
        return section
    return {name: value for name, value in section.items() if name not in set(names)}
