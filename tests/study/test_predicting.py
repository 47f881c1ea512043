import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.runs.config import Draws, PredictionConfig
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.run_one import OneRun

MOMENTS = {
    "prediction.method": "moments",
    "prediction.num_samples": 2,
    "prediction.num_last_layer_samples": 8,
    "prediction.monte_carlo": {"num_samples": 3, "num_last_layer_samples": 2},
    "training.validation_method": "moments",
}


@pytest.fixture
def experiment(tiny_experiment: Experiment) -> Experiment:
    return dataclasses.replace(tiny_experiment, config=tiny_experiment.config.replaced(MOMENTS))


def test_the_twin_predicts_by_moments_and_says_so(experiment: Experiment, tmp_path: Path) -> None:
    record = OneRun(RunKey("bnn", 4, 0), experiment, tmp_path).run()
    assert record["prediction_method"] == "moments"
    # Nothing before the head is random, so one pass has all draws of the logits.
    assert record["num_draws"] == 16
    probabilities = Run(tmp_path / "bnn-n4-seed0").test.probabilities
    np.testing.assert_allclose(probabilities.sum(-1), 1.0, atol=1e-5)
    assert probabilities.std(0).max() > 0.001


def test_what_moments_do_not_pass_through_predicts_by_monte_carlo_and_says_so(
    experiment: Experiment, tmp_path: Path
) -> None:
    record = OneRun(RunKey("mc_dropout", 4, 0), experiment, tmp_path).run()
    assert (record["prediction_method"], record["num_samples"], record["num_draws"]) == ("monte_carlo", 3, 6)


def test_each_method_has_draws_of_its_own() -> None:
    config = PredictionConfig("moments", 2, 64, Draws(30, 4))
    assert (config.draws("moments"), config.draws("monte_carlo")) == (Draws(2, 64), Draws(30, 4))
    old = PredictionConfig(num_samples=30, num_last_layer_samples=4)
    assert old.draws("monte_carlo") == Draws(30, 4)


@pytest.mark.parametrize("field", ["prediction.method", "training.validation_method"])
def test_an_unknown_method_is_named(tiny_experiment: Experiment, field: str) -> None:
    with pytest.raises(InputError, match=rf"^{field}='magic': expected moments or monte_carlo$"):
        tiny_experiment.config.replaced({field: "magic"})
