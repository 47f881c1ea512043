import runpy
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.methods.registry import KINDS, MODELS, find_kind, find_twin

STUDY = Path(__file__).resolve().parents[3] / "configs" / "study.py"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return runpy.run_path(str(STUDY))["get_config"]().to_dict()


def test_names_are_those_of_the_flag() -> None:
    assert MODELS == (
        "cnn",
        "bnn",
        "bnn_head",
        "bnn_classifier",
        "cnn_temperature",
        "cnn_l2sp",
        "mc_dropout",
        "ensemble",
    )
    assert [find_kind(name) for name in MODELS] == list(KINDS)


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"--model=rnn: unknown model; expected one or more of cnn, bnn, .*ensemble"):
        find_kind("rnn")


@pytest.mark.parametrize("name", MODELS)
def test_each_has_all_that_training_asks_for(name: str, config: dict[str, Any]) -> None:
    section = find_kind(name).section(config)
    assert section["learning_rate"] > 0
    assert set(section["rates"]) == {"features", "head", "scale"}


def test_the_ensemble_has_five_members_with_seeds_of_their_own(config: dict[str, Any]) -> None:
    seeds = [find_kind("ensemble").member_seeds(config, seed) for seed in range(3)]
    assert [len(members) for members in seeds] == [5, 5, 5]
    assert len({seed for members in seeds for seed in members}) == 15
    assert find_kind("ensemble").member_seeds(config, 2) == seeds[2]
    assert find_kind("cnn").member_seeds(config, 2) == [2]


def test_a_variant_stands_for_the_twin_where_that_is_missing() -> None:
    assert find_twin(["cnn", "bnn_head", "bnn"]) == "bnn"
    assert find_twin(["bnn_head", "cnn", "bnn_classifier"]) == "bnn_classifier"
    assert find_twin(["cnn", "ensemble"]) is None


def test_only_the_temperature_kind_fits_one_and_trains_like_another(config: dict[str, Any]) -> None:
    assert [kind.name for kind in KINDS if kind.fits_temperature] == ["cnn_temperature"]
    assert {kind.name: kind.trains_like for kind in KINDS if kind.trains_like} == {"cnn_temperature": "cnn"}
    kind, other = find_kind("cnn_temperature"), find_kind("cnn")
    assert kind.section(config) is other.section(config)
    assert type(kind).build is type(other).build
    assert kind.member_seeds(config, 2) == other.member_seeds(config, 2) == [2]


def test_the_twin_follows_the_configuration_and_its_variants_their_names(config: dict[str, Any]) -> None:
    found = {kind.name: kind.bayesian_layers(config) for kind in KINDS}
    assert {name: layers for name, layers in found.items() if layers} == {
        "bnn": "all",
        "bnn_head": "head",
        "bnn_classifier": "classifier",
    }
