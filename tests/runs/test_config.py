import runpy
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.config import BnnConfig, CnnConfig
from tfp_insects.models.precision import POLICIES
from tfp_insects.runs.config import RunConfig

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def plain(name: str = "study") -> dict[str, Any]:
    return runpy.run_path(str(CONFIGS / f"{name}.py"))["get_config"]().to_dict()


@pytest.mark.parametrize("name", ["study", "drawn", "quickstart", "study_2025"])
def test_every_configuration_of_the_project_is_read_whole(name: str) -> None:
    config = RunConfig.from_plain(plain(name))
    assert config.model.precision in POLICIES
    expected = plain(name)
    expected["model"]["precision"] = config.model.precision
    expected["model"]["image_size"] = config.model.image_size
    assert config.to_plain() == expected


def test_sections_have_the_types_of_their_methods() -> None:
    methods = RunConfig.from_plain(plain()).methods
    assert isinstance(methods["bnn"], BnnConfig)
    assert isinstance(methods["cnn"], CnnConfig)
    assert methods["bnn"].head.prior.kind == "scaled_normal"


def test_a_configuration_of_before_a_method_was_added_is_read() -> None:
    old = plain()
    del old["mc_dropout"]
    assert "mc_dropout" not in RunConfig.from_plain(old).methods


@pytest.mark.parametrize(
    ("section", "field", "message"),
    [
        ("bnn", "learning_rat", r"bnn\.learning_rat: .*did you mean 'learning_rate'\?"),
        ("model", "precison", r"model\.precison: .*did you mean 'precision'\?"),
        ("bn", "layers", r"^bn: the configuration has no such field; did you mean 'bnn'\?"),
    ],
)
def test_a_misspelt_field_is_refused(section: str, field: str, message: str) -> None:
    config = plain()
    config.setdefault(section, {})[field] = 1
    with pytest.raises(InputError, match=message):
        RunConfig.from_plain(config)
