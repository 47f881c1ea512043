import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_serving.apis import prediction_log_pb2

from tfp_insects.errors import InputError
from tfp_insects.runs.predictions import Predictions
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run import Run
from tfp_insects.serving.acceptance import choose_threshold, judge_threshold
from tfp_insects.serving.export import describe, export_run
from tfp_insects.serving.loaded_model import LoadedModel, newest_version
from tfp_insects.serving.versions import versions_in, write_version

Get = Callable[[str], Path]


def test_versions_count_up(tmp_path: Path) -> None:
    model = tmp_path / "models" / "insects"
    first, second = (write_version(model, lambda partial: (partial / "file").touch()) for _ in range(2))
    assert (first, second) == (model / "1", model / "2")
    (model / "10").mkdir()
    (model / "notes").mkdir()
    (model / "12").touch()
    assert write_version(model, lambda partial: None) == model / "11"
    assert versions_in(model) == [1, 2, 10, 11]
    assert versions_in(tmp_path / "nothing") == []


def test_a_version_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    seen = []

    def write(partial: Path) -> None:
        (partial / "half").touch()
        seen.append(versions_in(tmp_path))
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_version(tmp_path, write)
    assert seen == [[]]
    assert list(tmp_path.iterdir()) == []


def test_two_exports_at_a_time_get_two_versions(tmp_path: Path) -> None:
    def write(partial: Path) -> None:
        (partial / "first").touch()
        write_version(tmp_path, lambda other: (other / "second").touch())

    assert write_version(tmp_path, write) == tmp_path / "2"
    assert (tmp_path / "1" / "second").exists()
    assert (tmp_path / "2" / "first").exists()


def test_a_version_can_be_read_by_other_users(tmp_path: Path) -> None:
    assert write_version(tmp_path, lambda partial: None).stat().st_mode & 0o777 == 0o755


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"output=.*/file/insects: cannot be written \(.*\); give another one"):
        write_version(tmp_path / "file" / "insects", lambda partial: None)


def test_an_export_has_all_its_files(version_of: Get, runs: Any) -> None:
    version = version_of("all")
    assert version.name == "1"
    assert [path.name for path in version.parent.iterdir()] == ["1"]
    assert (version / "assets" / "class_names.txt").read_text().splitlines() == list(runs.class_names)
    assert {path.name for path in version.iterdir()} >= {
        "saved_model.pb",
        "variables",
        "assets.extra",
        "model_card.json",
    }


def test_warmup_requests_run(version_of: Get) -> None:
    version = version_of("head")
    signatures = tf.saved_model.load(str(version)).signatures
    names = set()
    for record in tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests")):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        assert request.model_spec.name == "insects"
        names.add(request.model_spec.signature_name)
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        answer = signatures[request.model_spec.signature_name](**inputs)
        assert answer["probabilities"].shape == (1, 4)
    assert names == set(signatures)


def test_the_model_card_says_what_the_model_is(version_of: Get, run_of: Get, runs: Any) -> None:
    card = json.loads((version_of("all") / "model_card.json").read_text())
    test = open_run(run_of("all")).test
    predicted = test.probabilities.mean(0).argmax(-1)
    assert card["class_names"] == list(runs.class_names)
    assert (card["model"], card["num_samples"], card["training"]["bayesian_layers"]) == ("bnn", runs.num_samples, "all")
    assert card["num_last_layer_samples"] == runs.num_last_layer_samples
    assert card["metrics"]["accuracy"]["estimate"] == pytest.approx((predicted == test.labels).mean())
    assert card["metrics"]["accuracy"]["low"] <= card["metrics"]["accuracy"]["estimate"]
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (test.labels, predicted), 1)
    assert card["test_confusion"] == confusion.tolist()
    assert card["accepted"]["risk"] == 0.05
    assert card["training"]["data"] == "bars"
    assert "tensorflow" in card["versions"]
    assert any("MIT" in line for line in card["licences"])


def predictions(confidences: list[float], correct: list[bool]) -> Predictions:
    first = np.array(confidences, np.float32)
    probabilities = np.stack([first, 1 - first], -1)[np.newaxis]
    return Predictions(probabilities, np.where(correct, 0, 1).astype(np.int32))


def test_the_threshold_keeps_to_the_risk() -> None:
    labelled = predictions([0.99, 0.95, 0.9, 0.8, 0.7], [True, True, True, False, True])
    # Risks from the surest on: 0, 0, 0, 1/4, 1/5.
    assert choose_threshold(labelled, 0.0) == pytest.approx(0.85)
    assert choose_threshold(labelled, 0.1) == pytest.approx(0.85)
    assert choose_threshold(labelled, 0.2) == pytest.approx(0.7)
    assert choose_threshold(predictions([0.9, 0.8], [False, True]), 0.1) == math.inf


def test_a_threshold_is_judged_on_other_images() -> None:
    found = judge_threshold(predictions([0.99, 0.9, 0.86, 0.8], [True, False, True, True]), 0.85).to_json()
    interval = stats.binomtest(2, 3).proportion_ci(method="wilson")
    assert found == {
        "num_examples": 4,
        "num_accepted": 3,
        "num_correct": 2,
        "coverage": 0.75,
        "accuracy": {"estimate": 2 / 3, "low": interval.low, "high": interval.high},
    }
    assert judge_threshold(predictions([0.9], [True]), math.inf).to_json()["accuracy"] is None


def test_answers_are_accepted_from_the_cards_threshold_on(version_of: Get, runs: Any) -> None:
    card = json.loads((version_of("cnn") / "model_card.json").read_text())
    answer = tf.saved_model.load(str(version_of("cnn"))).signatures["serving_default"](
        image_bytes=tf.constant(runs.images(40, seed=1))
    )
    accepted = answer["probabilities"].numpy().max(-1) >= card["accepted"]["threshold"]
    np.testing.assert_array_equal(answer["accepted"], accepted)
    assert accepted.sum() == card["accepted"]["validation"]["num_accepted"] > 0


def test_draws_and_risk_are_fixed_at_export(run_of: Get, tmp_path: Path) -> None:
    export = export_run(run_of("head"), tmp_path / "insects", num_samples=3, risk=1.0)
    assert (export.card["num_samples"], export.card["accepted"]["validation"]["coverage"]) == (3, 1.0)
    coverage = export.card["accepted"]["test"]["coverage"]
    assert "3 passes an answer." in describe(export)
    assert f"Accepted at a risk of 1: {coverage:.1%} of the test images" in describe(export)


def test_a_run_that_cannot_be_exported_is_named(run_of: Get, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r".*: there is no run \(no config.json\); expected a directory such as"):
        open_run(tmp_path)
    run = tmp_path / "bnn-n5-seed0"
    shutil.copytree(run_of("head"), run)
    for name, message in (
        ("predictions.npz", "predictions.npz is missing; remove the directory and run again"),
        ("record.json", r"this run is not finished \(no record.json\); give the command that began it again"),
    ):
        (run / name).unlink()
        with pytest.raises(InputError, match=message):
            open_run(run)
    other = shutil.copytree(run_of("cnn"), tmp_path / "mc_dropout-n5-seed0")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "model": "mc_dropout"}))
    with pytest.raises(InputError, match="a run of mc_dropout; expected one of cnn, bnn, bnn_head, bnn_classifier"):
        export_run(other, tmp_path / "models", None, 0.05)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("checkpoints/weights.h5", Run.build_model),
        ("validation_predictions.npz", lambda run: run.validation),
        ("predictions.npz", lambda run: run.test),
    ],
)
def test_a_file_that_is_cut_off_is_named(name: str, read: Callable[[Run], Any], run_of: Get, tmp_path: Path) -> None:
    path = shutil.copytree(run_of("head"), tmp_path / "bnn-n5-seed0") / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        InputError, match=rf"bnn-n5-seed0/{name} cannot be read \(.*\): remove .* directory and run again"
    ):
        read(open_run(tmp_path / "bnn-n5-seed0"))


@pytest.mark.parametrize(
    ("num_samples", "risk", "message"),
    [
        (0, 0.05, "num_samples=0: expected a number of at least 1"),
        (None, 5.0, "risk=5.0: expected a share of wrong answers from 0 to 1"),
    ],
)
def test_numbers_that_make_no_sense_are_named(
    num_samples: int | None, risk: float, message: str, run_of: Get, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        export_run(run_of("cnn"), tmp_path, num_samples, risk)


def test_the_newest_version_is_found_by_number(tmp_path: Path) -> None:
    for name in ("2", "10"):
        (tmp_path / name).mkdir()
        for file in ("saved_model.pb", "model_card.json"):
            (tmp_path / name / file).touch()
    assert newest_version(tmp_path) == tmp_path / "10"
    assert newest_version(tmp_path / "2") == tmp_path / "2"
    with pytest.raises(InputError, match=r"^model=.*: there is no exported model \(no saved_model.pb in "):
        newest_version(tmp_path / "3")


@pytest.mark.parametrize("name", ["[1] ant", "back\\slash", "lat\udce9"])
def test_runs_and_models_may_be_in_directories_of_any_name(
    run_of: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    run = shutil.copytree(run_of("cnn"), tmp_path / name / "run")
    version = export_run(run, tmp_path / name / "model" / name, None, 0.05).version
    assert sorted(path.name for path in version.parent.iterdir()) == ["1"]
    (answer,) = LoadedModel(version.parent).answer([tf.io.encode_png(np.zeros([8, 8, 3], np.uint8)).numpy()])
    assert answer.error == ""
