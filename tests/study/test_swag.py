import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tfp_insects.bayes.swag import read_weights
from tfp_insects.errors import InputError
from tfp_insects.progress.work import OnWork
from tfp_insects.report.page import write_report
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.serving.export import export_run
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.work import COLLECTING, TRAINING

CNN, SWAG = RunKey("cnn", 4, 0), RunKey("swag", 4, 0)
NUM_STEPS = 6  # Of three snapshots: two an epoch.


class KilledError(Exception):
    pass


def counted(done: dict[str, float], killed_at: float = np.inf) -> OnWork:
    """Counts units by phase, and ends the run at a step of collecting."""

    def on_work(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        del of
        done[phase] = done.get(phase, 0.0) + units
        if done.get(COLLECTING, 0.0) == killed_at:
            raise KilledError

    return on_work


@pytest.fixture(scope="module")
def workdir(tiny_experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CNN's run, and one of `swag` that found it there."""
    directory = tmp_path_factory.mktemp("runs")
    OneRun(CNN, tiny_experiment, directory).run()
    done: dict[str, float] = {}
    OneRun(SWAG, tiny_experiment, directory, counted(done)).run()
    assert TRAINING not in done
    assert done[COLLECTING] == NUM_STEPS
    return directory


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def probabilities(workdir: Path, key: RunKey = SWAG) -> np.ndarray:
    return arrays(key.directory(workdir) / "predictions.npz")["probabilities"]


def record_of(workdir: Path, key: RunKey) -> dict[str, Any]:
    return json.loads((key.directory(workdir) / "record.json").read_text())


def test_it_is_the_trained_cnn_with_a_posterior_around_where_sgd_goes_on(workdir: Path) -> None:
    own, cnn = (open_run(key.directory(workdir)).build_model() for key in (SWAG, CNN))
    for one, other in zip(own.get_weights(), cnn.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    posterior = arrays(SWAG.directory(workdir) / "weight_posterior.npz")
    weights = read_weights(own.trainable_variables)
    assert posterior["deviations"].shape == (2, len(weights))
    moved = posterior["mean"] - weights
    assert 0.0 < np.linalg.norm(moved) < np.linalg.norm(weights)
    # Of four points the first is at most sqrt(3) standard deviations from the mean.
    assert (np.abs(moved) <= 1.01 * np.sqrt(3.0 * posterior["variance"]) + 1e-6).all()
    draws, point = probabilities(workdir), probabilities(workdir, CNN)
    assert draws.std(axis=0).max() > 1e-4
    assert np.abs(draws.mean(axis=0) - point[0]).max() < 0.3


def test_its_record_counts_the_collection_as_training_and_the_posteriors_numbers(workdir: Path) -> None:
    own, cnn = record_of(workdir, SWAG), record_of(workdir, CNN)
    posterior = arrays(SWAG.directory(workdir) / "weight_posterior.npz")
    assert posterior["seconds"] > 0.0
    assert own["train_seconds"] == pytest.approx(cnn["train_seconds"] + posterior["seconds"])
    # The phase has what is read and compiled for it, too.
    assert own["seconds_by_phase"][COLLECTING] >= float(posterior["seconds"])
    num_weights = len(posterior["mean"])
    assert own["num_parameters"] == cnn["num_parameters"] + (1 + 2) * num_weights
    assert (own["prediction_method"], own["num_samples"], own["num_draws"]) == ("monte_carlo", 3, 3)
    assert own["mean_mutual_information"] > 0.0


@pytest.mark.parametrize("killed_at", [pytest.param(1, marks=pytest.mark.long), NUM_STEPS - 1])
def test_a_kill_while_collecting_repeats_that_alone(
    killed_at: int, workdir: Path, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    done: dict[str, float] = {}
    with pytest.raises(KilledError):
        OneRun(SWAG, tiny_experiment, tmp_path, counted(done, killed_at)).run()
    assert done[TRAINING] == NUM_STEPS  # No CNN was there: three epochs of two steps.
    assert not (SWAG.directory(tmp_path) / "weight_posterior.npz").exists()
    done = {}
    OneRun(SWAG, tiny_experiment, tmp_path, counted(done)).run()
    assert TRAINING not in done
    assert done[COLLECTING] == NUM_STEPS
    np.testing.assert_array_equal(probabilities(tmp_path), probabilities(workdir))


def test_a_posterior_that_is_there_is_not_collected_again(
    workdir: Path, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    shutil.copytree(SWAG.directory(workdir), SWAG.directory(tmp_path))
    (SWAG.directory(tmp_path) / "record.json").unlink()
    done: dict[str, float] = {}
    record = OneRun(SWAG, tiny_experiment, tmp_path, counted(done)).run()
    assert COLLECTING not in done
    assert record["train_seconds"] == record_of(workdir, SWAG)["train_seconds"]
    assert record["seconds_by_phase"][COLLECTING] > 0.0
    np.testing.assert_array_equal(probabilities(tmp_path), probabilities(workdir))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def of_another_network(path: Path) -> None:
    np.savez(path, **{**arrays(path), "variance": np.zeros(3)})


def test_a_damaged_posterior_is_named_and_one_that_is_gone_is_collected_again(
    workdir: Path, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    shutil.copytree(SWAG.directory(workdir), SWAG.directory(tmp_path))
    (SWAG.directory(tmp_path) / "record.json").unlink()
    path = SWAG.directory(tmp_path) / "weight_posterior.npz"
    for damage, message in (
        (of_another_network, r"weight_posterior\.npz: variance has shape \[3\], expected \d+ weights: remove the file"),
        (cut_off, r"weight_posterior\.npz cannot be read \(.*: remove"),
    ):
        damage(path)
        with pytest.raises(InputError, match=message):
            OneRun(SWAG, tiny_experiment, tmp_path).run()
    path.unlink()
    OneRun(SWAG, tiny_experiment, tmp_path).run()
    np.testing.assert_array_equal(probabilities(tmp_path), probabilities(workdir))


def test_a_posterior_of_weights_that_are_gone_goes_too(
    workdir: Path, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    directory = shutil.copytree(SWAG.directory(workdir), SWAG.directory(tmp_path))
    (directory / "record.json").unlink()
    (directory / "checkpoints" / "weights.h5").unlink()
    cut_off(directory / "weight_posterior.npz")
    OneRun(SWAG, tiny_experiment, tmp_path).run()
    np.testing.assert_array_equal(probabilities(tmp_path), probabilities(workdir))


def test_a_posterior_of_other_settings_goes_where_the_weights_are_taken_over_anew(
    workdir: Path, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    shutil.copytree(CNN.directory(workdir), CNN.directory(tmp_path))
    SWAG.directory(tmp_path).mkdir()
    for name in ("config.json", "weight_posterior.npz"):
        shutil.copy(SWAG.directory(workdir) / name, SWAG.directory(tmp_path))
    config = tiny_experiment.config.replaced({"swag.learning_rate": 1e-2})
    done: dict[str, float] = {}
    OneRun(SWAG, dataclasses.replace(tiny_experiment, config=config), tmp_path, counted(done)).run()
    assert TRAINING not in done
    assert done[COLLECTING] == NUM_STEPS


def test_it_is_reported_and_its_export_is_refused_in_words(workdir: Path, tmp_path: Path) -> None:
    write_report(workdir, Console(quiet=True))
    assert "SWAG" in (workdir / "report" / "index.html").read_text()
    with pytest.raises(InputError, match=r"swag-n4-seed0: a run of swag; expected one of cnn, bnn"):
        export_run(SWAG.directory(workdir), tmp_path / "insects", None, 0.05)
