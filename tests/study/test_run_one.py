import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.tiny_study import on_step

from tfp_insects.bayes.divergence import kl_divergence
from tfp_insects.bayes.head_covariance import fit_head_covariance
from tfp_insects.data.pipeline import evaluation_dataset
from tfp_insects.errors import InputError
from tfp_insects.files import write_json
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.method_table import find_method, method_names
from tfp_insects.runs.lock import locked
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.pretraining import Pretrained
from tfp_insects.study.run_one import OneRun
from tfp_insects.training.history import read_history, seconds_to_best_epoch

NUM_DRAWS = {
    "cnn": 1,
    "bnn": 6,
    "bnn_head": 6,
    "bnn_classifier": 6,
    "cnn_temperature": 1,
    "cnn_l2sp": 1,
    "laplace": 6,
    "mc_dropout": 6,
    "mc_dropout_maps": 6,
    "swag": 3,
    "ensemble": 2,
}


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def record_of(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "record.json").read_text())


@pytest.mark.parametrize("model", method_names())
def test_each_model_trains_and_predicts(model: str, finished_run: Callable[[str], Path]) -> None:
    directory = finished_run(model)
    record, predictions = record_of(directory), arrays(directory / "predictions.npz")
    assert predictions["probabilities"].shape == (NUM_DRAWS[model], 20, 4)
    assert predictions["probabilities"].dtype == np.float32
    assert arrays(directory / "validation_predictions.npz")["probabilities"].shape == (NUM_DRAWS[model], 16, 4)
    assert record["model"] == model
    # Of 6 draws, 2 are of the last layer alone; the ensemble has one pass through each of two networks.
    num_samples = 3 if NUM_DRAWS[model] in (3, 6) else 1
    assert (record["num_samples"], record["num_draws"]) == (num_samples, NUM_DRAWS[model])
    assert record["predict_seconds"] > 0
    assert set(json.loads((directory / "config.json").read_text())["config"]) >= set(find_method(model).sections)
    assert (record["mean_mutual_information"] > 1e-9) == (NUM_DRAWS[model] > 1)
    assert [row.epoch for row in read_history(directory / "history.csv")] == [1, 2, 3]
    assert 0 < record["seconds_to_best_epoch"] <= record["train_seconds"]
    assert not (directory / "ood_predictions.npz").exists()


def test_a_finished_run_is_only_read(finished_run: Callable[[str], Path], tiny_experiment: Experiment) -> None:
    directory = finished_run("cnn")
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*.*") if path.name != ".lock"}
    record = OneRun(RunKey("cnn", 4, 0), tiny_experiment, directory.parent).run()
    assert record == record_of(directory)
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*.*") if path.name != ".lock"} == before


def test_the_temperature_improves_the_cnns_validation_nll_and_changes_no_answer(
    finished_run: Callable[[str], Path],
) -> None:
    plain, scaled = finished_run("cnn"), finished_run("cnn_temperature")
    for name in ("validation_predictions.npz", "predictions.npz"):
        before, after = arrays(plain / name), arrays(scaled / name)
        np.testing.assert_array_equal(after["probabilities"].argmax(-1), before["probabilities"].argmax(-1))
    before, after = (arrays(one / "validation_predictions.npz") for one in (plain, scaled))
    nll = [negative_log_likelihood(one["probabilities"], one["labels"]) for one in (before, after)]
    assert nll[1] < nll[0]
    odds = np.log(before["probabilities"][0] / before["probabilities"][0, :, :1])
    scaled_odds = np.log(after["probabilities"][0] / after["probabilities"][0, :, :1])
    temperature = record_of(scaled)["temperature"]
    np.testing.assert_allclose(scaled_odds * temperature, odds, rtol=1e-3, atol=1e-3)
    assert "temperature" not in record_of(plain)


def changed_seed_of_split(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    config["config"]["data"]["split_seed"] += 1
    write_json(directory / "config.json", config)


def without_weights(directory: Path) -> None:
    (directory / "checkpoints" / "weights.h5").unlink()


@pytest.mark.parametrize("make_useless", [None, changed_seed_of_split, without_weights])
def test_the_cnn_is_not_trained_again_for_its_temperature(
    make_useless: Callable[[Path], None] | None,
    finished_run: Callable[[str], Path],
    tiny_experiment: Experiment,
    tmp_path: Path,
) -> None:
    key = RunKey("cnn_temperature", 4, 0)
    directory, cnn = key.directory(tmp_path), tmp_path / "cnn-n4-seed0"
    shutil.copytree(finished_run("cnn"), cnn)
    if make_useless:
        make_useless(cnn)
    steps = []
    record = OneRun(key, tiny_experiment, tmp_path, on_step(lambda: steps.append(1))).run()
    history, expected = (read_history(one / "history.csv") for one in (directory, finished_run("cnn")))
    if make_useless:
        assert len(steps) == 6
        assert [row.seconds for row in history] != [row.seconds for row in expected]
    else:
        assert not steps
        assert history == expected
    assert [row.validation_nll for row in history] == [row.validation_nll for row in expected]
    assert record["train_seconds"] == pytest.approx(sum(row.seconds for row in history))
    for name in ("predictions.npz", "validation_predictions.npz"):
        np.testing.assert_array_equal(
            arrays(directory / name)["probabilities"], arrays(finished_run("cnn_temperature") / name)["probabilities"]
        )


def test_members_of_the_ensemble_differ_and_cost_their_sum(finished_run: Callable[[str], Path]) -> None:
    directory, cnn = finished_run("ensemble"), finished_run("cnn")
    members = [directory / "member-0", directory / "member-1"]
    first, second = (read_history(member / "history.csv") for member in members)
    joint = read_history(directory / "history.csv")
    assert [row.train_nll for row in first] != [row.train_nll for row in second]
    for own, other, both in zip(first, second, joint, strict=True):
        assert both.seconds == pytest.approx(own.seconds + other.seconds)
        assert both.validation_nll == pytest.approx((own.validation_nll + other.validation_nll) / 2)
    record, held_out = record_of(directory), arrays(directory / "validation_predictions.npz")
    nll = negative_log_likelihood(held_out["probabilities"], held_out["labels"])
    assert record["validation_nll"] == pytest.approx(nll)
    assert record["seconds_to_best_epoch"] == seconds_to_best_epoch(first) + seconds_to_best_epoch(second)
    assert record["num_parameters"] == 2 * record_of(cnn)["num_parameters"]


@pytest.fixture
def log_uniform_experiment(tiny_experiment: Experiment) -> Experiment:
    """As `--config.bnn.hidden.prior.kind=log_uniform --config.bnn.hidden.posterior_ratio=0.3` on pretrained weights."""
    layers = [one for one in build_cnn(NetworkSpec(ALEXNET, 4, 63, 0.05), seed=7).layers if hasattr(one, "kernel")]
    weights = {f"{one.name}/{part}": getattr(one, part).numpy() for one in layers for part in ("kernel", "bias")}
    changes = {"bnn.hidden.prior.kind": "log_uniform", "bnn.hidden.posterior_ratio": 0.3}
    config = tiny_experiment.config.replaced(changes)
    return dataclasses.replace(tiny_experiment, pretrained=Pretrained("some", weights), config=config)


def test_a_log_uniform_prior_trains_on_cached_features_and_is_read_back(
    log_uniform_experiment: Experiment, tmp_path: Path
) -> None:
    key = RunKey("bnn_classifier", 4, 0)
    record = OneRun(key, log_uniform_experiment, tmp_path).run()
    assert all(math.isfinite(record[name]) for name in ("nll", "accuracy", "brier", "ece", "validation_nll"))
    assert record["is_tempered"]  # Predictions of configs/study.py are colder than its posterior.
    history = read_history(key.directory(tmp_path) / "history.csv")
    assert all(math.isfinite(row.train_nll) and math.isfinite(row.kl) for row in history)
    model = open_run(key.directory(tmp_path)).build_model()
    wide = model.get_layer("classifier_1")
    assert np.abs(wide.loc - log_uniform_experiment.pretrained.weights["classifier_1/kernel"]).max() > 0.0
    np.testing.assert_allclose(wide.posterior_scale(), 0.3 * np.abs(wide.loc), rtol=1e-5)
    assert float(kl_divergence(model)) == pytest.approx(history[record["best_epoch"] - 1].kl, rel=1e-5)


def test_a_log_uniform_prior_has_no_penalty_to_train_with(log_uniform_experiment: Experiment, tmp_path: Path) -> None:
    config = log_uniform_experiment.config.replaced({"bnn.layers": "classifier"})
    experiment = dataclasses.replace(log_uniform_experiment, config=config)
    with pytest.raises(InputError, match=r"model=cnn_l2sp cannot use .*log_uniform"):
        OneRun(RunKey("cnn_l2sp", 4, 0), experiment, tmp_path).run()


class KilledError(Exception):
    pass


def run_and_kill(key: RunKey, experiment: Experiment, workdir: Path, after: int) -> None:
    steps = iter(range(after))

    def act() -> None:
        if next(steps, None) is None:
            raise KilledError

    with pytest.raises(KilledError):
        OneRun(key, experiment, workdir, on_step(act)).run()


@pytest.mark.parametrize(
    "model",
    ["mc_dropout", *(pytest.param(name, marks=pytest.mark.long) for name in ("ensemble", "cnn_l2sp"))],
)
def test_a_broken_run_goes_on_where_it_was(
    model: str, finished_run: Callable[[str], Path], tiny_experiment: Experiment, tmp_path: Path
) -> None:
    key = RunKey(model, 4, 0)
    # Two steps an epoch, three epochs a network: the ensemble breaks in its second network.
    run_and_kill(key, tiny_experiment, tmp_path, after=9 if model == "ensemble" else 3)
    directory = key.directory(tmp_path)
    assert not (directory / "record.json").exists()
    weights = directory / "member-0" / "checkpoints" / "weights.h5"
    written = weights.stat().st_mtime_ns if model == "ensemble" else None
    record = OneRun(key, tiny_experiment, tmp_path).run()
    if model == "ensemble":
        assert weights.stat().st_mtime_ns == written
    expected = finished_run(model)
    for name in ("predictions.npz", "validation_predictions.npz"):
        np.testing.assert_array_equal(
            arrays(directory / name)["probabilities"], arrays(expected / name)["probabilities"]
        )
    assert record["nll"] == record_of(expected)["nll"]


def test_a_training_checkpoint_that_a_kill_left_beside_the_weights_goes(
    finished_run: Callable[[str], Path], tiny_experiment: Experiment, tmp_path: Path
) -> None:
    key = RunKey("cnn", 4, 0)
    directory = shutil.copytree(finished_run("cnn"), key.directory(tmp_path))
    (directory / "record.json").unlink()
    (directory / "checkpoints" / "ckpt-3.index").touch()
    OneRun(key, tiny_experiment, tmp_path).run()
    assert [path.name for path in (directory / "checkpoints").iterdir()] == ["weights.h5"]


def test_a_run_is_done_by_one_command_at_a_time(tiny_experiment: Experiment, tmp_path: Path) -> None:
    directory = RunKey("cnn", 4, 0).directory(tmp_path)

    def act() -> None:
        with pytest.raises(InputError, match="is in use"), locked(directory):
            pass
        raise KilledError

    run = OneRun(RunKey("cnn", 4, 0), tiny_experiment, tmp_path, on_step(act))
    with locked(directory):
        for start in (run.run, run.run_validation):
            with pytest.raises(InputError, match=r"cnn-n4-seed0 is in use by another command \(process \d+\): wait"):
                start()
    assert not (directory / "config.json").exists()

    with pytest.raises(KilledError):
        run.run()
    with locked(directory):
        pass


def test_choosing_predicts_the_validation_images_alone(
    finished_run: Callable[[str], Path], tiny_experiment: Experiment, tmp_path: Path
) -> None:
    key = RunKey("cnn", 4, 0)
    directory = key.directory(tmp_path)
    OneRun(key, tiny_experiment, tmp_path).run_validation()
    assert not (directory / "predictions.npz").exists()
    assert not (directory / "record.json").exists()
    chosen = (directory / "validation_predictions.npz").stat().st_mtime_ns
    OneRun(key, tiny_experiment, tmp_path).run_validation()
    assert (directory / "validation_predictions.npz").stat().st_mtime_ns == chosen
    weights = (directory / "checkpoints" / "weights.h5").stat().st_mtime_ns
    record = OneRun(key, tiny_experiment, tmp_path).run()
    assert (directory / "checkpoints" / "weights.h5").stat().st_mtime_ns == weights
    assert record["nll"] == record_of(finished_run("cnn"))["nll"]


def test_the_last_layer_gets_the_covariance_that_its_training_images_give(
    finished_run: Callable[[str], Path], tiny_experiment: Experiment, tmp_path: Path
) -> None:
    model = open_run(finished_run("bnn")).build_model()
    found = model.get_layer("classifier_6").covariance_factor
    kept, prior_scale = found.numpy(), 1.5 / np.sqrt(found.shape[0])
    assert np.linalg.norm(kept) < 0.999 * np.linalg.norm(prior_scale * np.eye(len(kept)))
    training = tiny_experiment.training_examples(4, seed=0)
    images = evaluation_dataset(training, tiny_experiment.preprocessing(training), 8, tmp_path)
    fit_head_covariance(model, images, num_samples=1, seed=0)
    np.testing.assert_allclose(kept, found, atol=1e-6)
