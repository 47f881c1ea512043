"""What a finished run does when it is asked to predict in another way, or when another command's settings changed."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.tiny_study import on_step

from tfp_insects.data.source import ImageSource, fingerprint
from tfp_insects.errors import InputError
from tfp_insects.files import write_json
from tfp_insects.metrics.out_of_distribution import auroc, fpr_at_tpr
from tfp_insects.metrics.summary import scores_of_unknown
from tfp_insects.runs.reading import load_run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study import run_one
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.run_one import OneRun

KEY = RunKey("bnn", 4, 0)


@pytest.fixture
def directory(finished_run: Callable[[str], Path], tmp_path: Path) -> Path:
    return shutil.copytree(finished_run("bnn"), KEY.directory(tmp_path))


TIMES_OF_ANSWERS = ("predict_seconds", "run_seconds", "seconds_by_phase")


def changed(experiment: Experiment, path: str, value: Any) -> Experiment:
    return dataclasses.replace(experiment, config=experiment.config.replaced({path: value}))


def read(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "record.json").read_text())


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in TIMES_OF_ANSWERS}


def written(directory: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file() and path.name != ".lock"
    }


def run(directory: Path, experiment: Experiment) -> dict[str, Any]:
    def act() -> None:
        raise AssertionError("it was trained again")

    return OneRun(KEY, experiment, directory.parent, on_step(act)).run()


def test_another_number_of_draws_is_predicted_from_the_weights(directory: Path, tiny_experiment: Experiment) -> None:
    before, weights = read(directory), written(directory / "checkpoints")
    record = run(directory, changed(tiny_experiment, "prediction.num_samples", 2))
    assert record == read(directory) == load_run(directory).record
    assert (record["num_samples"], record["num_draws"]) == (2, 4)
    assert written(directory / "checkpoints") == weights
    same = ("train_seconds", "seconds_to_best_epoch", "seconds_per_step", "best_epoch", "hardware", "num_parameters")
    assert {name: record[name] for name in same} == {name: before[name] for name in same}
    assert record["nll"] != before["nll"]
    with np.load(directory / "predictions.npz") as file:
        assert file["probabilities"].shape == (4, 20, 4)
    config = json.loads((directory / "config.json").read_text())["config"]
    assert config["prediction"]["num_samples"] == 2
    again = written(directory)
    run(directory, changed(tiny_experiment, "prediction.num_samples", 2))
    assert written(directory) == again
    record = run(directory, tiny_experiment)
    assert without_times(record) == without_times(before)


def test_an_error_leaves_record_and_predictions_as_they_were(
    directory: Path, tiny_experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(directory)

    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_one, "make_record", fail)
        with pytest.raises(KeyboardInterrupt):
            run(directory, changed(tiny_experiment, "prediction.num_samples", 1))
    assert written(directory) == before


def test_a_run_without_its_weights_is_not_trained_again(directory: Path, tiny_experiment: Experiment) -> None:
    (directory / "checkpoints" / "weights.h5").unlink()
    before = written(directory)
    message = r"seed0 is finished, and cannot predict anew with config\.prediction\.num_samples 9, not 3: its weights"
    with pytest.raises(InputError, match=message):
        run(directory, changed(tiny_experiment, "prediction.num_samples", 9))
    assert written(directory) == before
    run(directory, tiny_experiment)


@pytest.mark.parametrize(
    "path",
    [
        "cnn.learning_rate",
        "ensemble.num_members",
        "prediction.batch_size",
        "training.checkpoint_seconds",
    ],
)
def test_a_finished_run_survives_what_it_does_not_read(path: str, directory: Path, tiny_experiment: Experiment) -> None:
    before = written(directory)
    run(directory, changed(tiny_experiment, path, 7))
    assert written(directory) == before


@pytest.mark.parametrize("path", ["bnn.learning_rate", "training.epochs", "model.width_multiplier"])
def test_another_training_is_refused(path: str, directory: Path, tiny_experiment: Experiment) -> None:
    with pytest.raises(
        InputError, match=rf"holds a run whose config\.{path} was .*; now it is 7(\.0)?\. Give another work"
    ):
        run(directory, changed(tiny_experiment, path, 7))


def as_0_1_0(directory: Path, experiment: Experiment) -> None:
    """What version 0.1.0 wrote: no format, the whole configuration, all draws as `num_samples`, one time."""
    config = json.loads((directory / "config.json").read_text())
    del config["format"]
    write_json(directory / "config.json", {**config, "config": experiment.config.to_plain()})
    record = read(directory)
    record["num_samples"] = record.pop("num_draws")
    del record["format"], record["predict_seconds"]
    write_json(directory / "record.json", record)


def test_a_run_of_0_1_0_is_read_and_compared_by_the_same_rule(directory: Path, tiny_experiment: Experiment) -> None:
    now = read(directory)
    as_0_1_0(directory, tiny_experiment)
    before = written(directory)
    old = run(directory, changed(tiny_experiment, "cnn.learning_rate", 7.0))
    assert written(directory) == before
    assert old == {name: value for name, value in now.items() if name not in ("format", "predict_seconds")}
    with pytest.raises(InputError, match=r"config\.bnn\.learning_rate was 0\.01; now it is 7"):
        run(directory, changed(tiny_experiment, "bnn.learning_rate", 7))
    record = run(directory, changed(tiny_experiment, "prediction.num_samples", 2))
    assert (record["format"], record["num_samples"], record["num_draws"]) == (2, 2, 4)
    assert set(json.loads((directory / "config.json").read_text())["config"]).isdisjoint({"cnn", "ensemble"})


def test_validation_predictions_are_made_anew_before_a_run_is_finished(
    directory: Path, tiny_experiment: Experiment
) -> None:
    for name in ("record.json", "predictions.npz", "test_images.zip"):
        (directory / name).unlink()
    before = written(directory)
    OneRun(KEY, tiny_experiment, directory.parent).run_validation()
    assert written(directory) == before
    other = changed(tiny_experiment, "prediction.num_last_layer_samples", 1)
    OneRun(KEY, other, directory.parent).run_validation()
    with np.load(directory / "validation_predictions.npz") as file:
        assert file["probabilities"].shape == (3, 16, 4)
    assert not (directory / "predictions.npz").exists()


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def with_ood(experiment: Experiment, ood: ImageSource) -> Experiment:
    return dataclasses.replace(experiment, ood=ood, ood_fingerprint=fingerprint(ood))


def test_ood_images_are_asked_about_later_without_training_again(
    directory: Path, tiny_experiment: Experiment, other_insects: ImageSource
) -> None:
    weights = directory / "checkpoints" / "weights.h5"
    written = weights.stat().st_mtime_ns
    elsewhere = {"hardware": {"processor": "that of another machine"}, "versions": {"tensorflow": "2.0"}}
    before = read(directory) | elsewhere
    write_json(directory / "record.json", before)
    record = run(directory, with_ood(tiny_experiment, other_insects))
    assert weights.stat().st_mtime_ns == written
    as_before = without_times(before).keys() - {"intervals"}
    assert {name: record[name] for name in as_before} == {name: before[name] for name in as_before}
    assert record["prediction_versions"] != record["versions"] == elsewhere["versions"]
    known = arrays(directory / "predictions.npz")["probabilities"]
    ood = arrays(directory / "ood_predictions.npz")
    assert ood["probabilities"].shape == (6, 28, 4)
    assert ood["example_ids"].tolist() == list(other_insects.example_ids)
    assert (record["ood_data"], record["num_ood_examples"]) == ("other_insects", 28)
    for name, own in scores_of_unknown(known).items():
        other = scores_of_unknown(ood["probabilities"])[name]
        assert record[f"auroc_{name}"] == pytest.approx(auroc(own, other))
        assert record[f"fpr95_{name}"] == pytest.approx(fpr_at_tpr(own, other))
        low, high = record["intervals"][f"auroc_{name}"]
        assert 0 <= low <= high <= 1
    # And without them, the record stands as it is.
    assert run(directory, tiny_experiment) == record
    # Other draws are not compared with images that were predicted before.
    record = run(directory, changed(tiny_experiment, "prediction.num_samples", 2))
    assert not any(name.startswith(("ood_", "auroc_")) for name in record)
    assert not (directory / "ood_predictions.npz").exists()
