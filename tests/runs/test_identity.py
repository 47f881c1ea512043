import copy
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from tfp_insects.errors import InputError
from tfp_insects.files import read_json, write_json
from tfp_insects.models.method_table import find_method, method_names, methods
from tfp_insects.plain import to_plain
from tfp_insects.runs.claim import claimed_directory
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.identity import (
    FORMAT,
    first_difference,
    kept_sections,
    predicted_with,
    read_identity,
    trained_with,
)
from tfp_insects.runs.renamed import RENAMED
from tfp_insects.runs.run import Run

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
SPLIT = {"class_names": ["ant", "bee"], "test": ["ant/1", "bee/1"], "validation": ["ant/2"], "pool": ["ant/3"]}


def identity(model: str = "cnn", **changes: Any) -> dict[str, Any]:
    """A `config.json`; keys of `changes` that have a double underscore are paths in its configuration."""
    config = runpy.run_path(str(STUDY))["get_config"]().to_dict()
    for path, value in changes.items():
        if "__" in path:
            *sections, name = path.split("__")
            section = config
            for one in sections:
                section = section.setdefault(one, {})
            section[name] = value
    return {
        "format": FORMAT,
        "model": model,
        "n_per_class": 5,
        "seed": 0,
        "num_train_examples": 10,
        "batch_size": 4,
        "preprocessing": {"image_size": 227, "mean": [0.5], "std": [0.2]},
        "data": "insects.zip",
        "data_fingerprint": "d",
        "drawn": False,
        "split_fingerprint": "s",
        "class_names": ["ant", "bee"],
        "weights": "imagenet",
        "weights_fingerprint": "w",
        "config": kept_sections(model, config),
        **{name: value for name, value in changes.items() if "__" not in name},
    }


def as_0_1_0(identity_now: dict[str, Any]) -> dict[str, Any]:
    """As version 0.1.0 wrote it: without a format, with the whole configuration."""
    config = runpy.run_path(str(STUDY))["get_config"]().to_dict()
    return {name: value for name, value in identity_now.items() if name != "format"} | {
        "config": json.loads(json.dumps(config | identity_now["config"]))
    }


def difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    found = first_difference(trained_with(before), trained_with(now))
    return found.field if found else None


@pytest.mark.parametrize("model", method_names())
def test_a_run_is_touched_by_its_own_sections_and_by_no_other(model: str) -> None:
    own = {
        "cnn": {"cnn"},
        "bnn": {"bnn"},
        "bnn_head": {"bnn"},
        "bnn_classifier": {"bnn"},
        "cnn_temperature": {"cnn"},
        "cnn_l2sp": {"cnn_l2sp", "bnn"},
        "laplace": {"cnn"},
        "mc_dropout": {"mc_dropout"},
        "mc_dropout_maps": {"mc_dropout_maps"},
        "swag": {"cnn", "swag"},
        "ensemble": {"ensemble"},
    }[model]
    for section in ("cnn", "bnn", "cnn_l2sp", "mc_dropout", "mc_dropout_maps", "ensemble", "swag", "new_method"):
        changed = identity(model, **{f"{section}__learning_rate": 0.123})
        for before in (identity(model), as_0_1_0(identity(model))):
            expected = f"config.{section}.learning_rate" if section in own else None
            assert difference(before, changed) == expected


@pytest.mark.parametrize(
    ("field", "value", "is_same"),
    [
        ("training__epochs", 3, False),
        ("training__num_validation_samples", 7, False),
        ("training__checkpoint_seconds", 1.0, True),
        ("model__precision", "float32", False),
        ("model__max_feature_cache_megabytes", 1, True),
        ("augmentation__shift", 0.0, False),
        ("data__split_seed", 3, False),
        ("data__num_test_per_class", 3, False),
        ("data__ood_classes", "none_*", True),  # The images that are left are in the fingerprint.
        ("data__on_bad_image", "skip", True),
        ("pretraining__epochs", 1, True),  # So are the weights.
        ("prediction__num_samples", 10, True),
        ("n_per_class", 6, False),
        ("seed", 1, False),
        ("data_fingerprint", "e", False),
        ("split_fingerprint", "e", False),
        ("weights_fingerprint", "e", False),
        ("data", "renamed", True),
        ("weights", "copy.npz", True),
        ("class_names", ["ant", "fly"], False),
    ],
)
def test_what_training_depends_on_is_the_identity(field: str, value: Any, is_same: bool) -> None:
    for before in (identity(), as_0_1_0(identity())):
        assert (difference(before, identity(**{field: value})) is None) == is_same


def test_how_a_run_predicts_is_apart_from_that() -> None:
    for field, is_same in (("num_samples", False), ("num_last_layer_samples", False), ("batch_size", True)):
        changed = identity(**{f"prediction__{field}": 11})
        found = first_difference(predicted_with(identity()), predicted_with(changed))
        assert found == (
            None if is_same else (f"config.prediction.{field}", identity()["config"]["prediction"][field], 11)
        )


@pytest.mark.parametrize(
    ("model", "is_same"), [("cnn", True), ("mc_dropout", True), ("bnn", False), ("bnn_head", False)]
)
def test_what_judges_an_epoch_touches_the_twins_alone(model: str, is_same: bool) -> None:
    before, now = (identity(model, training__validation_method=method) for method in ("monte_carlo", "moments"))
    assert (trained_with(before) == trained_with(now)) is is_same


def test_a_field_that_came_later_has_the_value_that_changes_nothing() -> None:
    before = copy.deepcopy(identity("bnn", bnn__head__covariance_scale=0.0, bnn__hidden__temperature=1.0))
    del before["config"]["bnn"]["head"]["covariance_scale"], before["config"]["bnn"]["hidden"]["temperature"]
    four = {"prediction__num_last_layer_samples": 4}
    same = identity("bnn", bnn__head__covariance_scale=0.0, bnn__hidden__temperature=1.0, **four)
    assert difference(before, same) is None
    assert difference(before, identity("bnn", bnn__hidden__temperature=1.0)) == "config.bnn.head.covariance_scale"
    del before["config"]["prediction"]["num_last_layer_samples"]
    found = first_difference(predicted_with(before), predicted_with(same))
    assert found == ("config.prediction.num_last_layer_samples", 1, 4)


@pytest.mark.parametrize("model", method_names())
def test_fields_that_had_other_names_are_the_same_fields(model: str, tmp_path: Path) -> None:
    now = identity(model)
    own, before = find_method(model).sections, copy.deepcopy(now)
    for section in own:
        fields = before["config"][section]
        for old, new in RENAMED.items():
            if new in fields:
                fields[old] = fields.pop(new)
    assert any("rates" in before["config"][section] for section in own)
    assert ("body" in before["config"].get("bnn", {})) == ("bnn" in own)
    directory = tmp_path / model
    directory.mkdir()
    write_json(directory / "config.json", before)
    write_json(directory / "split.json", SPLIT)
    assert read_identity(directory / "config.json") == now
    assert Run(directory).settings == RunConfig.from_plain(now["config"])
    train_some_of(directory)
    claim(directory, now)
    assert read_json(directory / "config.json") == before
    with pytest.raises(
        InputError, match=rf"whose config\.{own[0]}\.learning_rate_multipliers\.head was .*; now it is 9"
    ):
        claim(directory, identity(model, **{f"{own[0]}__learning_rate_multipliers__head": 9.0}))


def test_each_method_keeps_what_it_reads() -> None:
    config = runpy.run_path(str(STUDY))["get_config"]().to_dict()
    shared = {"data", "augmentation", "model", "training", "prediction", "pretraining"}
    for method in methods():
        assert set(kept_sections(method.name, config)) == shared | set(method.sections)
        assert to_plain(method.section(RunConfig.from_plain(config))) == config[method.sections[0]]


def claim(directory: Path, wanted: dict[str, Any], split: dict[str, Any] | None = None) -> None:
    with claimed_directory(directory, wanted, split or SPLIT):
        pass


def train_some_of(directory: Path, name: str = "checkpoints/checkpoint") -> None:
    """Leaves something behind that a command would go on from."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_directory_is_claimed_for_one_training(tmp_path: Path) -> None:
    directory = tmp_path / "cnn-n5-seed0"
    claim(directory, identity())
    assert read_json(directory / "config.json") == identity()
    assert read_json(directory / "split.json") == SPLIT
    train_some_of(directory)
    claim(directory, identity(prediction__num_samples=3, data="renamed"))
    assert read_json(directory / "config.json") == identity()
    message = (
        r"cnn-n5-seed0 holds a run whose config\.cnn\.dropout was 0\.5; now it is 0\.25\. Give another work directory"
    )
    with pytest.raises(InputError, match=message):
        claim(directory, identity(cnn__dropout=0.25))


@pytest.mark.parametrize(
    "name",
    [
        *("checkpoints/checkpoint", "checkpoints/weights.h5", "member-1/checkpoints/weights.h5", "record.json"),
        *("predictions.npz", "validation_predictions.npz", "ood_predictions.npz"),
    ],
)
def test_what_a_command_would_go_on_from_is_kept(name: str, tmp_path: Path) -> None:
    claim(tmp_path, identity())
    train_some_of(tmp_path, name)
    with pytest.raises(InputError, match=r"now it is 0\.25\. Give another work directory"):
        claim(tmp_path, identity(cnn__dropout=0.25))
    assert (tmp_path / name).exists()
    assert read_json(tmp_path / "config.json") == identity()


def test_a_directory_without_anything_to_go_on_from_is_begun_anew(tmp_path: Path) -> None:
    claim(tmp_path, identity())
    for name in ("history.csv", "tensorboard/events", "member-0/history.csv", "member-1/history.csv"):
        train_some_of(tmp_path, name)
    (tmp_path / "checkpoints").mkdir()
    wanted, split = identity(cnn__dropout=0.25), {**SPLIT, "test": ["bee/9"]}
    claim(tmp_path, wanted, split)
    assert (read_json(tmp_path / "config.json"), read_json(tmp_path / "split.json")) == (wanted, split)
    assert {path.name for path in tmp_path.rglob("*")} == {".lock", "config.json", "split.json", "checkpoints"}


def test_other_images_are_counted(tmp_path: Path) -> None:
    directory = tmp_path / "cnn-n5-seed0"
    claim(directory, identity())
    train_some_of(directory)
    other = identity(data_fingerprint="e")
    more = {**SPLIT, "test": ["ant/1", "bee/9"], "pool": ["ant/3", "ant/4"]}
    with pytest.raises(
        InputError,
        match=r"holds a run on other images: 2 images were added \(ant/4, bee/9\), 1 removed \(.*\)\. Give another",
    ):
        claim(directory, other, more)
    with pytest.raises(InputError, match="holds a run whose images have the same names, but other contents or groups"):
        claim(directory, other)
    (directory / "split.json").unlink()
    with pytest.raises(InputError, match='whose data_fingerprint was "d"; now it is "e"'):
        claim(directory, other)


def test_images_with_known_contents_are_told_apart_by_these(tmp_path: Path) -> None:
    directory = tmp_path / "cnn-n5-seed0"
    images = {"ant/1": "aa", "ant/2": "bb", "bee/1": "cc"}
    claim(directory, identity(), {**SPLIT, "images": images})
    train_some_of(directory)
    now = {**SPLIT, "images": {"ant/1": "xx", "ant/9": "bb", "bee/1": "cc", "bee/2": "dd"}}
    message = r"on other images: 1 image was added \(bee/2\), 1 changed \(ant/1\), 1 renamed \(ant/2 to ant/9\)\. Give"
    with pytest.raises(InputError, match=message):
        claim(directory, identity(data_fingerprint="e"), now)


def test_what_a_killed_process_left_is_tidied_up(tmp_path: Path) -> None:
    directory = tmp_path / "cnn-n5-seed0"
    claim(directory, identity())
    (directory / "checkpoints" / ".partial-7-next").mkdir(parents=True)
    names = (".partial-7-config.json", "checkpoints/.partial-7-weights.h5", "checkpoints/.partial-7-next/record.json")
    for name in names:
        (directory / name).touch()
    claim(directory, identity())
    left = {path.relative_to(directory).as_posix() for path in directory.rglob("*")}
    assert left == {"config.json", "split.json", ".lock", "checkpoints"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"format": FORMAT + 1},
            rf"config\.json is of format {FORMAT + 1}; this version .* up to {FORMAT}: use the version",
        ),
        ({"format": "new"}, 'is of format "new"'),
        ({"model": "cnn"}, "has no field 'config'"),
        ({"config": {}}, "has no field 'model'"),
    ],
)
def test_what_cannot_be_read_is_named(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", content)
    with pytest.raises(InputError, match=message):
        read_identity(tmp_path / "config.json")
    with pytest.raises(InputError, match=message):
        claim(tmp_path, identity())
