"""A network that the project does not know, from a user's file to an export's answers."""

import dataclasses
import io
import json
import runpy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tf_keras
from fixtures.own_network import SIDE, own_network
from rich.console import Console

from tfp_insects.bayes.moments_tail import moments_obstacle
from tfp_insects.cli.run import Command, run_command
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.models.templates.files import fingerprint
from tfp_insects.report.posterior_report import describe_posterior
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run import Run
from tfp_insects.serving.export import export_run
from tfp_insects.serving.loaded_model import LoadedModel

STUDY = Path(__file__).resolve().parents[1] / "configs" / "study.py"
METHODS = ["cnn", "bnn", "bnn_classifier", "bnn_head", "mc_dropout", "mc_dropout_maps"]


def study_of(path: Path) -> Any:
    config = runpy.run_path(str(STUDY))["get_config"]()
    config.model.architecture = str(path)
    config.model.precision = "float32"
    config.data.num_test_per_class = 5
    config.data.num_validation_per_class = 4
    config.training.epochs = 2
    config.training.batch_size = 8
    config.training.min_steps_per_epoch = 2
    config.prediction.monte_carlo.num_samples = 4
    return config


@pytest.fixture(scope="module")
def images(insects: ImageSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for i, name in enumerate(insects.example_ids):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(insects.read(i))
    return folder


@dataclasses.dataclass(frozen=True)
class Finished:
    workdir: Path
    printed: str
    model_file: Path

    def run(self, method: str) -> Run:
        return Run(self.workdir / f"{method}-n4-seed0")


@pytest.fixture(scope="module")
def finished(own_network_file: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    workdir = tmp_path_factory.mktemp("own_network_runs")
    model_file = workdir.parent / "own_of_these_runs.keras"
    shutil.copy(own_network_file, model_file)
    command = Command(METHODS, ["4"], ["0"], str(images), "auto", workdir, workdir / "cache")
    printed = io.StringIO()
    plain: Mapping[str, Any] = study_of(model_file).to_dict()
    run_command(command, lambda is_drawn: plain, Console(file=printed, width=160))
    return Finished(workdir, printed.getvalue(), model_file)


def test_every_method_trains_it(finished: Finished) -> None:
    for method in METHODS:
        run = finished.run(method)
        assert run.record["architecture"] == finished.model_file.name
        assert run.record["weights"] == finished.model_file.name
        assert [row.epoch for row in run.history] == [1, 2]
        np.testing.assert_allclose(run.probabilities.sum(axis=-1), 1.0, atol=1e-5)
        assert np.ptp(run.probabilities.mean(0), axis=0).max() > 1e-4  # Images differ in their answers.
        predicts_by = "moments" if method.startswith("bnn") else "monte_carlo"
        assert run.prediction_method == predicts_by


def test_records_and_output_say_which_layers_have_a_posterior(finished: Finished) -> None:
    expected = {
        "cnn": (0, {"Conv2D": 2, "Dense": 2, "DepthwiseConv2D": 1}),
        "bnn": (4, {"DepthwiseConv2D": 1}),
        "bnn_classifier": (2, {"Conv2D": 2, "DepthwiseConv2D": 1}),
        "bnn_head": (1, {"Conv2D": 2, "Dense": 1, "DepthwiseConv2D": 1}),
    }
    for method, (bayesian, point_estimates) in expected.items():
        found = finished.run(method).record["layers"]
        assert found == {"bayesian": bayesian, "point_estimates": point_estimates, "normalisations": 2}
    line = "bnn, own_of_these_runs.keras: 4 layers have a posterior; point estimates: 1 DepthwiseConv2D; 2 of batch"
    assert finished.printed.count(line) == 1
    page = (finished.workdir / "report" / "index.html").read_text(encoding="utf-8")
    assert "4 layers have a posterior" in page
    assert "--architecture=PATH/own_of_these_runs.keras --weights=auto" in page


def test_images_go_in_as_the_model_expects_them(finished: Finished) -> None:
    preprocessing = finished.run("bnn").preprocessing
    assert (preprocessing.image_size, preprocessing.mean) == (SIDE, (0.0, 0.0, 0.0))
    np.testing.assert_allclose(preprocessing.std, 1 / 255)


@pytest.mark.parametrize("method", ["cnn", "bnn"])
def test_batch_normalisation_stays_as_it_was_and_the_rest_trains(method: str, finished: Finished) -> None:
    model, found = own_network(), finished.run(method).build_model()
    for name in ("stem_norm", "norm"):
        for before, after in zip(model.get_layer(name).weights, found.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(before, after)
    depthwise = [one.get_layer("depthwise").depthwise_kernel.numpy() for one in (model, found)]
    assert 0.0 < np.abs(depthwise[0] - depthwise[1]).max() < 0.1
    assert moments_obstacle(found) is None or method == "cnn"


@pytest.mark.parametrize("method", ["cnn", "bnn_head"])
def test_an_export_answers_as_the_run_did(method: str, finished: Finished, images: Path, tmp_path: Path) -> None:
    run = finished.run(method)
    version = export_run(run.directory, tmp_path / "model", None, risk=0.5).version
    contents = [(images / name).read_bytes() for name in run.example_ids]
    answers, expected = LoadedModel(version).answer(contents), run.probabilities.mean(0).max(axis=-1)
    tolerance = 1e-4 if method == "cnn" else 0.1  # The twin's draws are others.
    np.testing.assert_allclose([answer.probability for answer in answers], expected, atol=tolerance)


def test_posterior_pictures_show_its_layers(finished: Finished, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    shutil.copytree(finished.run("bnn").directory, directory)
    printed = io.StringIO()
    describe_posterior(Run(directory).build_model(), directory, Console(file=printed, width=160))
    assert (directory / "posterior.png").stat().st_size > 0
    for name in ("stem", "pointwise", "hidden", "predictions"):
        assert name in printed.getvalue()


@pytest.mark.long
def test_a_run_knows_the_content_of_its_model_wherever_it_is(finished: Finished, images: Path, tmp_path: Path) -> None:
    config = json.loads((finished.run("cnn").directory / "config.json").read_text())
    assert config["architecture_fingerprint"] == fingerprint(finished.model_file)
    elsewhere = tmp_path / "elsewhere.keras"
    shutil.copy(finished.model_file, elsewhere)
    command = Command(["cnn"], ["4"], ["0"], str(images), "auto", finished.workdir, finished.workdir / "cache")
    record = finished.run("cnn").directory / "record.json"
    before = record.read_bytes(), record.stat().st_mtime_ns
    run_command(command, lambda is_drawn: study_of(elsewhere).to_dict(), Console(file=io.StringIO()))
    assert (record.read_bytes(), record.stat().st_mtime_ns) == before
    other = own_network()
    other.get_layer("hidden").bias.assign_add(tf_keras.backend.ones([12]))
    other.save(elsewhere)
    with pytest.raises(InputError, match="architecture_fingerprint"):
        run_command(command, lambda is_drawn: study_of(elsewhere).to_dict(), Console(file=io.StringIO()))


def test_a_changed_or_lost_file_is_named(finished: Finished, tmp_path: Path) -> None:
    directory = tmp_path / "cnn-n4-seed0"
    shutil.copytree(finished.run("cnn").directory, directory)
    config = json.loads((directory / "config.json").read_text())
    for name, message in (
        ("gone.keras", "no such file or folder"),
        ("other.keras", "is not the model that .* trained with"),
    ):
        if name == "other.keras":
            own_network().save(tmp_path / name)
        config["config"]["model"]["architecture"] = str(tmp_path / name)
        (directory / "config.json").write_text(json.dumps(config))
        with pytest.raises(InputError, match=message):
            Run(directory).build_model()


def test_a_head_on_frozen_features_trains_on_kept_ones(own_network_file: Path, images: Path, tmp_path: Path) -> None:
    config = study_of(own_network_file)
    config.model.freeze_features = config.model.freeze_classifier = True
    config.augmentation.flip, config.augmentation.shift = False, 0.0
    config.model.max_feature_cache_megabytes = 0
    command = Command(["bnn_head"], ["4"], ["0"], str(images), "auto", tmp_path, tmp_path / "cache")
    run_command(command, lambda is_drawn: config.to_dict(), Console(file=io.StringIO()))
    run = Run(tmp_path / "bnn_head-n4-seed0")
    model, before = run.build_model(), own_network()
    for name in ("stem", "depthwise", "pointwise", "hidden"):
        for old, new in zip(before.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    with h5py.File(run.directory / "checkpoints" / "weights.h5") as file:
        factor = file["predictions/predictions/covariance_factor:0"][()]
    assert np.linalg.cond(factor) > 2.0  # It is no multiple of the identity: features decided it.


def test_a_network_starts_at_random_where_no_weights_are_wanted(
    own_network_file: Path, images: Path, tmp_path: Path
) -> None:
    command = Command(["cnn"], ["4"], ["0"], str(images), "none", tmp_path, tmp_path / "cache")
    run_command(command, lambda is_drawn: study_of(own_network_file).to_dict(), Console(file=io.StringIO()))
    run = Run(tmp_path / "cnn-n4-seed0")
    assert run.record["weights"] == "none"
    norm = run.build_model().get_layer("stem_norm")
    # Neither those of the file nor those of a new layer, but those of the training images.
    np.testing.assert_array_equal(norm.gamma, np.ones(8))
    assert not np.allclose(norm.moving_variance, 1.0)
    assert not np.allclose(norm.moving_variance, own_network().get_layer("stem_norm").moving_variance)


def test_the_configuration_holds_the_whole_path_and_the_models_own_size(own_network_file: Path) -> None:
    config = RunConfig.from_plain(study_of(own_network_file).to_dict())
    assert config.model.image_size == SIDE
    assert Path(config.model.architecture).is_absolute()
