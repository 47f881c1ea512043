"""Runs whose last layer has a covariance of a scale that was chosen, or logits divided by a temperature."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run import Run
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


class Finished(NamedTuple):
    """A run that is made once for all tests that look at it."""

    record: Mapping[str, Any]
    run: Run


@pytest.fixture(scope="module")
def finished(tiny_experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Finished]:
    """By how the covariance's scale is chosen, and whether a temperature is."""

    @functools.cache
    def get(way: str, fits_temperature: bool) -> Finished:
        workdir = tmp_path_factory.mktemp("finished")
        record = OneRun(KEY, changed(tiny_experiment, way, fits_temperature), workdir).run()
        return Finished(record, open_run(KEY.directory(workdir)))

    return get


def changed(experiment: Experiment, way: str, fits_temperature: bool, **fields: Any) -> Experiment:
    config = experiment.config.replaced(
        {
            "bnn.head.covariance_scale": 1.5,
            "bnn.covariance_scale_by": way,
            "bnn.fits_logit_temperature": fits_temperature,
            **fields,
        }
    )
    return dataclasses.replace(experiment, config=config)


@pytest.mark.parametrize("way", ["validation", pytest.param("marginal_likelihood", marks=pytest.mark.long)])
def test_the_record_says_which_scale_was_chosen(finished: Callable[[str, bool], Finished], way: str) -> None:
    record, run = finished(way, False)
    assert record["covariance_scale"] > 0.0
    chosen = run.build_model().get_layer("classifier_6").covariance_factor.numpy()
    root = np.sqrt(len(chosen))
    # No direction is surer than the prior that was chosen lets it be.
    largest = np.linalg.svd(np.float64(chosen), compute_uv=False)[0]
    assert largest <= record["covariance_scale"] / root * 1.001


def test_a_scale_that_is_fixed_is_not_in_the_record(finished: Callable[[str, bool], Finished]) -> None:
    assert "covariance_scale" not in finished("fixed", False).record


@pytest.mark.parametrize("way", ["fixed", pytest.param("validation", marks=pytest.mark.long)])
def test_a_temperature_makes_validation_images_more_probable_and_is_in_the_record(
    finished: Callable[[str, bool], Finished], way: str
) -> None:
    plain, divided = finished(way, False), finished(way, True)
    before, after = (
        negative_log_likelihood(one.run.validation.probabilities, one.run.validation.labels) for one in (plain, divided)
    )
    assert "temperature" not in plain.record
    temperature = divided.record["temperature"]
    assert temperature != 1.0
    assert after < before + 1e-3  # Draws are others than those that chose.
    heads = [one.run.build_model().get_layer("classifier_6") for one in (plain, divided)]
    for name in ("loc", "bias", "covariance_factor"):
        values = [getattr(head, name).numpy() for head in heads]
        np.testing.assert_allclose(values[1], values[0] / temperature, rtol=1e-4, atol=1e-6)


def test_a_run_that_is_broken_off_behind_the_temperature_fits_it_anew(
    tiny_experiment: Experiment,
    finished: Callable[[str, bool], Finished],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is divided is not divided a second time."""
    expected = finished("fixed", True).record
    experiment = changed(tiny_experiment, "fixed", True, **{"training.checkpoint_seconds": 0.0})

    def break_off(self: Checkpoints) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "finish", break_off)
        with pytest.raises(KeyboardInterrupt):
            OneRun(KEY, experiment, tmp_path).run()
    record = OneRun(KEY, experiment, tmp_path).run()
    assert record["temperature"] == pytest.approx(expected["temperature"], rel=1e-4)
    assert record["nll"] == pytest.approx(expected["nll"], rel=1e-4)
