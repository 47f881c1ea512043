"""Runs whose last layer's covariance has a scale that was chosen."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.reading import open_run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.run_one import OneRun

KEY = RunKey("bnn_head", 4, 0)


def test_an_unknown_way_is_refused_by_its_field(tiny_config: RunConfig) -> None:
    with pytest.raises(
        InputError, match="covariance_scale_by='guess': expected fixed, validation or marginal_likelihood"
    ):
        tiny_config.replaced({"bnn.covariance_scale_by": "guess"})


@pytest.mark.parametrize("way", ["validation", "marginal_likelihood"])
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
