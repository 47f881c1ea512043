import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tfp_insects.bayes.last_layer_laplace import last_layer_factor
from tfp_insects.errors import InputError
from tfp_insects.report.page import write_report
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.serving.export import export_run
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.work import COVARIANCE, TRAINING
from tfp_insects.training.history import read_history

CNN, LAPLACE = RunKey("cnn", 4, 0), RunKey("laplace", 4, 0)


@pytest.fixture(scope="module")
def workdir(tiny_experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CNN's run, and one of `laplace` that found it there."""
    directory = tmp_path_factory.mktemp("runs")
    OneRun(CNN, tiny_experiment, directory).run()
    done: dict[str, float] = {}

    def on_work(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        del of
        done[phase] = done.get(phase, 0.0) + units

    OneRun(LAPLACE, tiny_experiment, directory, on_work).run()
    assert TRAINING not in done
    assert done[COVARIANCE] == 16  # Images of four classes.
    return directory


def probabilities(workdir: Path, key: RunKey) -> np.ndarray:
    with np.load(key.directory(workdir) / "predictions.npz") as file:
        return file["probabilities"]


def test_it_is_the_trained_cnn_whose_draws_of_the_last_layer_differ(workdir: Path) -> None:
    own, cnn = (open_run(key.directory(workdir)).build_model() for key in (LAPLACE, CNN))
    head, before = own.get_layer("classifier_6"), cnn.get_layer("classifier_6")
    np.testing.assert_array_equal(head.loc, before.kernel)
    np.testing.assert_array_equal(head.bias, before.bias)
    draws, point = probabilities(workdir, LAPLACE), probabilities(workdir, CNN)
    assert draws.std(axis=0).max() > 1e-4
    assert np.abs(draws.mean(axis=0) - point[0]).max() < 0.2
    with np.load(LAPLACE.directory(workdir) / "last_layer_posterior.npz") as file:
        np.testing.assert_array_equal(last_layer_factor(own), file["covariance_factor"])
        assert file["prior_scale"] > 0.0


@pytest.mark.long
def test_without_the_cnn_s_run_it_trains_the_same(workdir: Path, tiny_experiment: Experiment, tmp_path: Path) -> None:
    OneRun(LAPLACE, tiny_experiment, tmp_path).run()
    found, expected = (read_history(LAPLACE.directory(one) / "history.csv") for one in (tmp_path, workdir))
    assert [row.validation_nll for row in found] == [row.validation_nll for row in expected]
    np.testing.assert_array_equal(probabilities(tmp_path, LAPLACE), probabilities(workdir, LAPLACE))


def test_a_posterior_that_is_gone_is_found_again_and_a_damaged_one_is_named(
    workdir: Path, tiny_experiment: Experiment, tmp_path: Path
) -> None:
    directory = shutil.copytree(LAPLACE.directory(workdir), LAPLACE.directory(tmp_path))
    posterior = directory / "last_layer_posterior.npz"
    np.savez(posterior, covariance_factor=np.eye(3))
    with pytest.raises(InputError, match=r"last_layer_posterior\.npz: covariance_factor has shape \[3, 3\], expected"):
        open_run(directory).build_model()
    for name in ("last_layer_posterior.npz", "record.json"):
        (directory / name).unlink()
    OneRun(LAPLACE, tiny_experiment, tmp_path).run()
    np.testing.assert_array_equal(probabilities(tmp_path, LAPLACE), probabilities(workdir, LAPLACE))


def test_it_is_reported_and_exported(workdir: Path, tmp_path: Path) -> None:
    write_report(workdir, Console(quiet=True))
    page = (workdir / "report" / "index.html").read_text()
    assert "CNN + Laplace" in page
    assert "Size of THR sets at 90" in page
    export = export_run(LAPLACE.directory(workdir), tmp_path / "insects", None, 0.05)
    card = json.loads((export.version / "model_card.json").read_text())
    assert (card["model"], card["prediction_method"]) == ("laplace", "moments")
    assert card["training"]["bayesian_layers"] == "head"
    predict = tf.saved_model.load(str(export.version)).signatures["predict_seeded"]
    images = tf.constant(np.random.default_rng(0).uniform(size=(2, 40, 40, 3)), tf.float32)
    answers = [predict(images=images, seed=tf.fill([2], np.int64(seed))) for seed in (1, 1)]
    for name, value in answers[0].items():
        np.testing.assert_array_equal(value, answers[1][name])
