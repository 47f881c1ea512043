import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfp_insects.compare.promise import Terms, promise_of
from tfp_insects.errors import InputError
from tfp_insects.metrics.draws import LabelledDraws
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run import Run
from tfp_insects.serving import wording
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
    assert card["training"]["data"] == "bars"
    assert "tensorflow" in card["versions"]
    assert any("MIT" in line for line in card["licences"])


def test_the_model_card_says_what_is_promised_and_on_what_it_rests(version_of: Get, run_of: Get) -> None:
    card, run = json.loads((version_of("all") / "model_card.json").read_text()), open_run(run_of("all"))
    promise = promise_of(run, Terms(0.2, 0.05))
    acceptance, alarm = promise.acceptance, promise.alarm
    assert alarm is not None
    assert acceptance.is_possible
    accepted, test = card["accepted"], LabelledDraws(run.test.probabilities, run.test.labels)
    assert (accepted["risk"], accepted["confidence_level"]) == (0.2, 0.95)
    assert accepted["threshold"] == acceptance.threshold
    assert accepted["calibration"]["num_accepted"] == acceptance.num_accepted > 0
    assert accepted["calibration"]["coverage"] == acceptance.num_accepted / len(test.labels)
    assert (accepted["num_images_needed"], accepted["lowest_risk"]) == (None, None)
    assert (card["alarm"]["score"], card["alarm"]["threshold"]) == (alarm.score, alarm.threshold)
    passed = card["alarm"]["unknown"]["passed"]
    assert passed["count"] == alarm.num_passed
    assert passed["low"] <= passed["estimate"] == alarm.num_passed / alarm.num_judged <= passed["high"]
    # The errors of the images that are not called unknown.
    scores = next(score for score in ood_scores() if score.name == alarm.score).score(test)
    is_known = scores <= alarm.threshold
    expected = np.zeros((4, 4), int)
    np.add.at(expected, (test.labels[is_known], test.mean.argmax(-1)[is_known]), 1)
    assert card["alarm"]["test_confusion"] == expected.tolist()
    assert expected.sum() >= 0.95 * len(test.labels) - 1
    assert wording.promise_of_accepted(card).startswith(f"Accepted: {acceptance.coverage:.1%} of 160 test images.")


def test_without_images_of_no_known_class_there_is_no_alarm(version_of: Get) -> None:
    card = json.loads((version_of("cnn") / "model_card.json").read_text())
    assert (card["alarm"], card["alarm_obstacle"]) == (None, "the run was not asked about images of no known class")
    assert card["limits"][0].startswith("Every image gets one of the classes")


def test_answers_are_accepted_and_unknown_as_the_card_says(version_of: Get, runs: Any) -> None:
    images = runs.in_unit_range(runs.images(160, seed=2))
    for name in ("cnn", "head"):
        card = json.loads((version_of(name) / "model_card.json").read_text())
        signature = tf.saved_model.load(str(version_of(name))).signatures["predict_seeded"]
        answer = {
            key: value.numpy() for key, value in signature(images=images, seed=tf.fill([160], np.int64(2))).items()
        }
        accepted = answer["probabilities"].max(-1) >= card["accepted"]["threshold"]
        unknown = np.zeros(160, bool)
        if card["alarm"] is not None:
            output = {"mutual_information": "epistemic"}.get(card["alarm"]["score"], card["alarm"]["score"])
            score = answer[output] if output in answer else 1 - answer["probabilities"].max(-1)
            unknown = score > np.float32(card["alarm"]["threshold"])
            assert 0 < unknown.sum() < 160
        np.testing.assert_array_equal(answer["unknown"], unknown)
        np.testing.assert_array_equal(answer["accepted"], accepted & ~unknown)
        if name == "cnn":  # Without noise.
            assert answer["accepted"].sum() == card["accepted"]["calibration"]["num_accepted"] > 0


def test_draws_and_risk_are_fixed_at_export(run_of: Get, tmp_path: Path) -> None:
    export = export_run(run_of("head"), tmp_path / "insects", num_samples=3, risk=1.0, false_alarm_rate=0.2)
    assert (export.card["num_samples"], export.card["accepted"]["threshold"]) == (3, 0.0)
    assert export.card["alarm"]["false_alarm_rate"] == 0.2
    coverage = export.card["accepted"]["calibration"]["coverage"]
    assert 0.75 < coverage < 0.85
    text = describe(export)
    assert "3 passes an answer." in text
    assert f"Accepted: {coverage:.1%} of 160 test images." in text
    assert "Called unknown by" in text
    assert "at most 20% of images of the known classes" in text
    assert export.card["limits"][-1].endswith("the export answers with 3 by moments.")


def test_sets_of_classes_are_promised_and_given_where_they_are_asked_for(
    run_of: Get, runs: Any, tmp_path: Path
) -> None:
    export = export_run(run_of("cnn"), tmp_path / "insects", None, risk=0.05, set_coverage=0.9)
    rule, test = export.card["prediction_sets"], open_run(run_of("cnn")).test
    assert (rule["coverage"], rule["num_examples"]) == (0.9, 160)
    assert "Prediction sets hold the true class of 90% of images of the known classes" in describe(export)
    # The images that the run was tested on, which have no noise here: their sets hold what they were calibrated for.
    answers = LoadedModel(export.version).answer(runs.images(160, seed=2))
    names = runs.class_names
    held = [names[label] in (answer.prediction_set or ()) for label, answer in zip(test.labels, answers, strict=True)]
    assert np.mean(held) >= 0.9
    assert np.mean([len(answer.prediction_set or ()) for answer in answers]) == pytest.approx(rule["mean_size"])
    assert all((answer.prediction_set or ("",))[0] == answer.predicted_class for answer in answers)


def test_without_asking_there_are_no_sets(version_of: Get, runs: Any) -> None:
    assert json.loads((version_of("cnn") / "model_card.json").read_text())["prediction_sets"] is None
    assert LoadedModel(version_of("cnn")).answer(runs.images(1))[0].prediction_set is None


def test_what_would_be_needed_is_said_where_nothing_can_be_accepted(run_of: Get, tmp_path: Path) -> None:
    export = export_run(run_of("cnn"), tmp_path / "insects", None, risk=0.01)
    accepted = export.card["accepted"]
    assert (accepted["threshold"], accepted["calibration"]["num_accepted"]) == (None, 0)
    text = describe(export)
    assert "No answer is accepted: on 160 test images no threshold keeps to 1% wrong answers" in text
    needed = accepted["num_images_needed"]
    help_text = (
        "More test images would not help" if needed is None else f"About {needed:,} test images would be needed."
    )
    assert help_text in text
    assert f"A risk of {100 * accepted['lowest_risk']:g}% can be had, with less confidence" in text
    again = export_run(run_of("cnn"), tmp_path / "insects", None, risk=accepted["lowest_risk"])
    assert again.card["accepted"]["threshold"] is not None


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
