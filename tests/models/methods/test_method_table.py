import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.new_files import AddModule

from tfp_insects.errors import InputError
from tfp_insects.models import methods as folder
from tfp_insects.models.method import Method
from tfp_insects.models.method_table import find_method, find_twin, label_of, method_names, methods
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import make_run_keys

ROOT = Path(__file__).resolve().parents[3]
STUDY = ROOT / "configs" / "study.py"


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return RunConfig.from_plain(runpy.run_path(str(STUDY))["get_config"]().to_dict())


def test_names_are_those_of_the_flag() -> None:
    assert method_names() == (
        "cnn",
        "bnn",
        "bnn_head",
        "bnn_classifier",
        "cnn_temperature",
        "cnn_l2sp",
        "laplace",
        "mc_dropout",
        "mc_dropout_maps",
        "swag",
        "ensemble",
    )
    assert [find_method(name) for name in method_names()] == list(methods())


def test_an_unknown_model_is_named_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"model=rnn: unknown method; expected one or more of cnn, bnn, .*ensemble"):
        find_method("rnn")


@pytest.mark.parametrize("name", method_names())
def test_each_has_all_that_training_asks_for(name: str, config: RunConfig) -> None:
    section = find_method(name).section(config)
    assert isinstance(section, find_method(name).section_type)
    assert section.learning_rate > 0
    assert section.learning_rate_multipliers.head > 0


def test_the_ensemble_has_five_members_with_seeds_of_their_own(config: RunConfig) -> None:
    seeds = [find_method("ensemble").member_seeds(config, seed) for seed in range(3)]
    assert [len(members) for members in seeds] == [5, 5, 5]
    assert len({seed for members in seeds for seed in members}) == 15
    assert find_method("ensemble").member_seeds(config, 2) == seeds[2]
    assert find_method("cnn").member_seeds(config, 2) == [2]


def test_a_variant_stands_for_the_twin_where_that_is_missing() -> None:
    assert find_twin(["cnn", "bnn_head", "bnn"]) == "bnn"
    assert find_twin(["bnn_head", "cnn", "bnn_classifier"]) == "bnn_classifier"
    assert find_twin(["cnn", "ensemble"]) is None


def test_only_the_temperature_method_fits_one() -> None:
    assert [method.name for method in methods() if method.fits_temperature] == ["cnn_temperature"]
    assert [method.name for method in methods() if method.has_last_layer_posterior] == ["laplace"]


def test_only_swag_collects_snapshots_as_its_own_section_says(config: RunConfig) -> None:
    found = {method.name: method.snapshots(config) for method in methods()}
    assert [name for name, snapshots in found.items() if snapshots is not None] == ["swag"]
    assert found["swag"] is config.methods["swag"]
    assert find_method("swag").sections == ("cnn", "swag")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"swag.rank": 1}, "swag.rank=1: expected 2 or more"),
        ({"swag.num_snapshots": 4}, "swag.num_snapshots=4: expected 5 or more, since swag.rank is 5"),
        ({"swag.rank": 11}, "swag.num_snapshots=10: expected 11 or more, since swag.rank is 11"),
    ],
)
def test_snapshots_without_a_covariance_are_refused_by_name(
    fields: dict[str, int], message: str, config: RunConfig
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$") as caught:
        config.replaced(fields)
    assert set(fields) <= set(caught.value.fields)
    smallest = config.replaced({"swag.rank": 2, "swag.num_snapshots": 2})
    assert smallest.methods["swag"].num_snapshots == 2


@pytest.mark.parametrize("name", ["cnn_temperature", "laplace", "swag"])
def test_what_trains_like_the_cnn_is_built_and_configured_like_it(name: str, config: RunConfig) -> None:
    assert {method.name for method in methods() if method.trains_like} == {"cnn_temperature", "laplace", "swag"}
    method, other = find_method(name), find_method("cnn")
    assert method.trains_like == "cnn"
    assert method.section(config) is other.section(config)
    assert type(method).build is type(other).build
    assert method.member_seeds(config, 2) == other.member_seeds(config, 2) == [2]


def test_the_twin_follows_the_configuration_and_its_variants_their_names(config: RunConfig) -> None:
    found = {method.name: method.bayesian_layers(config) for method in methods()}
    assert {method.name for method in methods() if method.is_bayesian} == {name for name in found if found[name]}
    assert {name: layers for name, layers in found.items() if layers} == {
        "bnn": "all",
        "bnn_head": "head",
        "bnn_classifier": "classifier",
    }


def test_a_new_method_is_one_file(add_module: AddModule, config: RunConfig) -> None:
    add_module(
        folder,
        "wide_cnn",
        "from tfp_insects.models.methods.cnn import Cnn\n\n\n"
        "class WideCnn(Cnn):\n"
        '    name, label, role, order, section_name = "wide_cnn", "Wide CNN", "baseline", 50, "cnn"\n\n\n'
        "METHOD = WideCnn()\n",
    )
    assert method_names()[-1] == "wide_cnn"
    assert find_method("wide_cnn").section(config) == config.methods["cnn"]
    assert label_of("wide_cnn") == "Wide CNN"
    assert [key.name for key in make_run_keys(["wide_cnn"], [5], [0])] == ["wide_cnn-n5-seed0"]


def test_all_methods_are_known_without_tensorflow() -> None:
    code = (
        "import sys; from tfp_insects.models.method_table import method_names; method_names(); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0


@pytest.mark.parametrize("name", method_names())
def test_a_method_says_what_it_is(name: str) -> None:
    method = find_method(name)
    assert method.label
    assert method.mark != Method.mark
    assert len({(other.label, other.mark) for other in methods()}) == len(methods())
    assert [other.name for other in methods() if other.role == "reference"] == ["cnn"]
