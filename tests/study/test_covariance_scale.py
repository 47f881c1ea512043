"""Runs whose last layer has a covariance of a scale that was chosen, or logits divided by a temperature."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.run_one import OneRun
from tfp_insects.training.checkpoints import Checkpoints

KEY = RunKey("bnn_head", 4, 0)


def test_an_unknown_way_is_refused_by_its_field(tiny_config: RunConfig) -> None:
    with pytest.raises(
        InputError, match="covariance_scale_by='guess': expected fixed, validation or marginal_likelihood"
    ):
        tiny_config.replaced({"bnn.covariance_scale_by": "guess"})


@pytest.mark.parametrize("way", ["validation", pytest.param("marginal_likelihood", marks=pytest.mark.long)])
def test_the_record_says_which_scale_was_chosen(tiny_experiment: Experiment, tmp_path: Path, way: str) -> None:
    fields = {"bnn.head.covariance_scale": 1.5, "bnn.covariance_scale_by": way}
    experiment = dataclasses.replace(tiny_experiment, config=tiny_experiment.config.replaced(fields))
    record = OneRun(KEY, experiment, tmp_path).run()
    assert record["covariance_scale"] > 0.0
    chosen = open_run(KEY.directory(tmp_path)).build_model().get_layer("classifier_6").covariance_factor.numpy()
    root = np.sqrt(len(chosen))
    # No direction is surer than the prior that was chosen lets it be.
    largest = np.linalg.svd(np.float64(chosen), compute_uv=False)[0]
    assert largest <= record["covariance_scale"] / root * 1.001


def test_a_scale_that_is_fixed_is_not_in_the_record(tiny_experiment: Experiment, tmp_path: Path) -> None:
    fields = {"bnn.head.covariance_scale": 1.5}
    experiment = dataclasses.replace(tiny_experiment, config=tiny_experiment.config.replaced(fields))
    assert "covariance_scale" not in OneRun(KEY, experiment, tmp_path).run()


@pytest.mark.parametrize("way", ["fixed", pytest.param("validation", marks=pytest.mark.long)])
def test_a_temperature_makes_validation_images_more_probable_and_is_in_the_record(
    tiny_experiment: Experiment, tmp_path: Path, way: str
) -> None:
    fields = {"bnn.head.covariance_scale": 1.5, "bnn.covariance_scale_by": way}
    nlls, records = {}, {}
    for fits in (False, True):
        config = tiny_experiment.config.replaced({**fields, "bnn.fits_logit_temperature": fits})
        records[fits] = OneRun(KEY, dataclasses.replace(tiny_experiment, config=config), tmp_path / str(fits)).run()
        found = open_run(KEY.directory(tmp_path / str(fits))).validation
        nlls[fits] = negative_log_likelihood(found.probabilities, found.labels)
    assert "temperature" not in records[False]
    assert records[True]["temperature"] != 1.0
    assert nlls[True] < nlls[False] + 1e-3  # Draws are others than those that chose.
    heads = [
        open_run(KEY.directory(tmp_path / str(fits))).build_model().get_layer("classifier_6") for fits in (False, True)
    ]
    for name in ("loc", "bias", "covariance_factor"):
        plain, divided = (getattr(head, name).numpy() for head in heads)
        np.testing.assert_allclose(divided, plain / records[True]["temperature"], rtol=1e-4, atol=1e-6)


def test_a_run_that_is_broken_off_behind_the_temperature_fits_it_anew(
    tiny_experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is divided is not divided a second time."""
    fields = {"bnn.head.covariance_scale": 1.5, "bnn.fits_logit_temperature": True, "training.checkpoint_seconds": 0.0}
    experiment = dataclasses.replace(tiny_experiment, config=tiny_experiment.config.replaced(fields))
    expected = OneRun(KEY, experiment, tmp_path / "whole").run()

    def break_off(self: Checkpoints) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "finish", break_off)
        with pytest.raises(KeyboardInterrupt):
            OneRun(KEY, experiment, tmp_path / "broken").run()
    record = OneRun(KEY, experiment, tmp_path / "broken").run()
    assert record["temperature"] == pytest.approx(expected["temperature"], rel=1e-4)
    assert record["nll"] == pytest.approx(expected["nll"], rel=1e-4)
