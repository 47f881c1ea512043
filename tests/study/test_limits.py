import copy
import math
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.experiment import make_experiment
from tfp_insects.study.limits import LIMITS, require_within_limits

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def load(name: str) -> dict[str, Any]:
    return runpy.run_path(str(CONFIGS / f"{name}.py"))["get_config"]().to_dict()


def changed(field: str, value: Any) -> dict[str, Any]:
    """The study's configuration with another value."""
    config = copy.deepcopy(load("study"))
    *sections, name = field.split(".")
    section = config
    for one in sections:
        section = section[one]
    assert name in section
    section[name] = value
    return config


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.py")))
def test_the_projects_configurations_are_within_the_limits(name: str) -> None:
    require_within_limits(load(name))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("training.epochs", 0, "a number of at least 1"),
        ("pretraining.epochs", 0, "a number of at least 1"),
        ("prediction.num_samples", 0, "a number of at least 1"),
        ("prediction.num_last_layer_samples", 0, "a number of at least 1"),
        ("training.num_validation_samples", 0, "a number of at least 1"),
        ("training.min_steps_per_epoch", 0, "a number of at least 1"),
        ("training.batch_size", -1, "a number of at least 1"),
        ("prediction.batch_size", 0, "a number of at least 1"),
        ("ensemble.num_members", 0, "a number of at least 1"),
        ("bnn.learning_rate", 0.0, "a number greater than 0"),
        ("cnn.learning_rate", math.nan, "a number greater than 0"),
        ("bnn.learning_rate_multipliers.scale", -1.0, "a number of at least 0"),
        ("bnn.kl_weight", -0.5, "a number of at least 0"),
        ("mc_dropout.dropout", 1.0, "a number of at least 0 and less than 1"),
        ("model.image_size", -1, "a number of at least 0"),
        ("bnn.hidden.posterior_ratio", 0.0, "a number greater than 0"),
        ("bnn.head.prior.scale", 0.0, "a number greater than 0"),
        ("bnn.head.covariance_scale", -0.1, "a number of at least 0"),
        ("data.split_seed", -1, "a number of at least 0"),
        ("cnn.learning_rate", 1e-60, "a number greater than 0"),  # It is 0 in float32,
        ("bnn.kl_weight", 1e60, "a number of at least 0"),  # and this is infinite.
        ("training.epochs", True, "a number of at least 1"),
        ("training.epochs", "5", "a number of at least 1"),
    ],
)
def test_a_number_beyond_them_is_named_with_what_is_expected(field: str, value: Any, expected: str) -> None:
    message = f"{field}={value}: expected {expected}; give such a number, here or in the configuration file"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$") as caught:
        require_within_limits(changed(field, value))
    assert caught.value.fields == (field,)


def numeric_fields(section: dict[str, Any], path: str = "") -> list[str]:
    found = []
    for name, value in section.items():
        if isinstance(value, dict):
            found += numeric_fields(value, f"{path}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(f"{path}{name}")
    return found


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, -1.5])
def test_no_number_of_the_study_may_be_endless_negative_or_none_at_all(value: float) -> None:
    fields = numeric_fields(load("study"))
    assert len(fields) > 60
    for field in fields:
        with pytest.raises(InputError, match=rf"^{re.escape(field)}={value}: expected a number"):
            require_within_limits(changed(field, value))


def test_a_number_without_a_limit_of_its_own_must_be_finite() -> None:
    config = load("study")
    config["new"] = {"shape": -3.0, "name": "some", "is_there": True, "nothing": None}
    require_within_limits(config)
    config["new"]["shape"] = math.inf
    with pytest.raises(InputError, match=r"^new\.shape=inf: expected a finite number"):
        require_within_limits(config)


def test_the_smallest_numbers_within_them_are_let_through() -> None:
    for field, value in (("training.epochs", 1), ("bnn.learning_rate_multipliers.features", 0.0), ("cnn.dropout", 0.0)):
        require_within_limits(changed(field, value))


def test_each_limit_is_that_of_a_field_of_the_study() -> None:
    def names(section: dict[str, Any]) -> set[str]:
        inner = [names(value) for value in section.values() if isinstance(value, dict)]
        return set(section).union(*inner)

    assert {part for path in LIMITS for part in path.split(".")} <= names(load("study"))


def test_no_experiment_is_made_beyond_them(insects: ImageSource, tiny_config: RunConfig, tmp_path: Path) -> None:
    config = tiny_config.replaced({"training.epochs": 0})
    with pytest.raises(InputError, match=r"^training\.epochs=0: expected"):
        make_experiment(insects, "none", [4], config, tmp_path, lambda line: None)
