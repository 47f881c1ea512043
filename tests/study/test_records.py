import dataclasses
import runpy
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.summary import summarize
from tfp_insects.study.records import OutOfDistribution, make_record, with_training_of
from tfp_insects.training.fit import Validation
from tfp_insects.training.history import EpochRow

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
HISTORY = [
    EpochRow(1, 1.0, 1.0, 0.5, 1.0, 0.9, 0.4, 0.0, 4.0),
    EpochRow(2, 1.0, 1.0, 0.5, 1.0, 0.7, 0.6, 0.0, 2.0),
    EpochRow(3, 1.0, 1.0, 0.5, 1.0, 0.8, 0.5, 0.0, 2.0),
]
PROBABILITIES = np.float32(
    [
        [[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3]],
        [[0.9, 0.0, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1]],
    ]
)
LABELS = np.array([0, 0, 1, 0])


def identity(model: str, kl_weight: float, kl_annealing_epochs: float) -> dict[str, Any]:
    config = runpy.run_path(str(STUDY))["get_config"]().to_dict()
    config["model"]["precision"] = "float32"
    config["bnn"] |= {"kl_weight": kl_weight, "kl_annealing_epochs": kl_annealing_epochs}
    for part in ("hidden", "features", "hidden_from_scratch", "head"):
        config["bnn"][part]["temperature"] = 1.0
    return {
        "model": model,
        "weights_fingerprint": "abc",
        "class_names": ["ant", "bee", "fly"],
        "config": config,
        "preprocessing": {},
    }


def record(
    model: str = "bnn",
    kl_weight: float = 1.0,
    kl_annealing_epochs: float = 0.0,
    temperatures: Mapping[str, float] = MappingProxyType({}),
    **more: Any,
) -> dict[str, Any]:
    fields = {"histories": [HISTORY], "test": LabelledDraws(PROBABILITIES, LABELS), **more}
    of_run = identity(model, kl_weight, kl_annealing_epochs)
    for part, temperature in temperatures.items():
        of_run["config"]["bnn"][part]["temperature"] = temperature
    return make_record(
        of_run,
        validation=Validation(0.65, 0.7),
        num_parameters=7,
        steps_per_epoch=4,
        predict_seconds=1.5,
        num_last_layer_samples=2,
        **fields,
    )


def test_figures_are_those_of_the_predictions_and_the_history() -> None:
    found = record()
    assert found | summarize(PROBABILITIES, LABELS) == found
    # Mean probabilities say ant, bee, bee, bee.
    assert found["per_class_accuracy"] == {"ant": pytest.approx(1 / 3), "bee": 1.0, "fly": None}
    assert (found["best_epoch"], found["validation_nll"], found["validation_accuracy"]) == (2, 0.65, 0.7)
    assert (found["train_seconds"], found["seconds_to_best_epoch"], found["seconds_per_step"]) == (8.0, 6.0, 0.5)
    assert (found["num_samples"], found["num_draws"]) == (1, 2)  # One pass, with two draws of the last layer.
    assert (found["num_test_examples"], found["num_parameters"], found["predict_seconds"]) == (4, 7, 1.5)
    assert "config" not in found


def test_each_of_several_networks_has_its_own_best_epoch() -> None:
    # Best in epochs 2 and 1, which end after 6 and 10 seconds; their mean is lowest in epoch 1.
    other = [
        dataclasses.replace(row, validation_nll=nll, seconds=10.0)
        for row, nll in zip(HISTORY, (0.1, 0.8, 0.9), strict=True)
    ]
    found = record("ensemble", histories=[HISTORY, other])
    assert found["seconds_to_best_epoch"] == 16.0
    assert found["train_seconds"] == 38.0
    assert found["seconds_per_step"] == 3.0
    assert found["best_epoch"] == 1


def test_every_metric_has_an_interval() -> None:
    found = record()
    sets = {f"{kind}_{what}_{level}" for kind in ("thr", "aps") for what in ("size", "coverage") for level in (90, 95)}
    assert set(found["intervals"]) == sets | {
        "accuracy",
        "macro_accuracy",
        "nll",
        "brier",
        "ece",
        "ece_equal_mass",
        "aurc",
        "accuracy_at_80_coverage",
        "coverage_at_5_risk",
        "mean_predictive_entropy",
        "mean_expected_entropy",
        "mean_mutual_information",
    }
    for name in ("accuracy", "nll", "brier"):
        low, high = found["intervals"][name]
        assert low <= found[name] <= high
    # 2 of 4 are right: a resample of 4 has none with a probability of 1/16, all with the same.
    assert found["intervals"]["accuracy"] == [0.0, 1.0]


def test_ood_images_add_what_tells_them_apart() -> None:
    ood = OutOfDistribution("objects", "abc", Draws(np.float32([[[0.3, 0.3, 0.4]] * 3] * 2)))
    found = record(ood=ood)
    assert (found["ood_data"], found["ood_fingerprint"], found["num_ood_examples"]) == ("objects", "abc", 3)
    # Out-of-distribution images are the least sure of all, and draws do not differ on them.
    assert found["auroc_predictive_entropy"] == 1.0
    assert found["fpr95_predictive_entropy"] == 0.0
    assert found["auroc_one_minus_max_probability"] == 1.0
    assert found["auroc_mutual_information"] == 0.0
    assert found["intervals"]["auroc_predictive_entropy"] == [1.0, 1.0]
    assert found["intervals"]["accuracy"] == record()["intervals"]["accuracy"]
    assert not any(name.startswith(("ood_", "auroc_", "fpr95_")) for name in record())


def test_leverage_tells_them_apart_where_it_is_known() -> None:
    probabilities = np.float32([[[0.3, 0.3, 0.4]] * 3] * 2)
    ood = OutOfDistribution("objects", "abc", Draws(probabilities, np.float32([0.5, 2.0, 3.0])))
    known = LabelledDraws(PROBABILITIES, LABELS, np.float32([0.1, 0.2, 0.3, 1.0]))
    found = record(ood=ood, test=known)
    assert found["auroc_leverage"] == pytest.approx(11 / 12)
    assert found["intervals"]["auroc_leverage"][1] == 1.0
    assert "auroc_leverage" not in record(ood=OutOfDistribution("objects", "abc", Draws(probabilities)), test=known)


def test_says_what_was_tempered_and_scaled() -> None:
    assert not record()["is_tempered"]
    assert record(kl_weight=0.5)["is_tempered"]
    assert not record("cnn", kl_weight=0.5)["is_tempered"]
    # The weight rises to 1 at the end of the annealing; epoch 2 is the best.
    assert record(kl_annealing_epochs=3.0)["is_tempered"]
    assert not record(kl_annealing_epochs=2.0)["is_tempered"]
    assert not record(temperatures={"hidden_from_scratch": 0.5})["is_tempered"]  # There are pretrained weights.
    for part in ("hidden", "features", "head"):
        assert record(temperatures={part: 0.5})["is_tempered"]
        assert record("bnn_head", temperatures={part: 0.5})["is_tempered"] == (part == "head")
    assert record("cnn_temperature", temperature=1.5)["temperature"] == 1.5
    assert "temperature" not in record("cnn")


def test_predicting_anew_says_where_both_were_done() -> None:
    new = record()
    assert with_training_of(new, new) == new
    before = {**new, "hardware": {"processor": "other"}, "accuracy": 0.0}
    found = with_training_of(before, new)
    assert (found["hardware"], found["prediction_hardware"]) == (before["hardware"], new["hardware"])
    assert (found["accuracy"], found["versions"]) == (new["accuracy"], new["versions"])
    assert "prediction_versions" not in found
