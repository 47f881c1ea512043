import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.report.provenance import notes
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

STUDY = Path(__file__).resolve().parents[2] / "configs" / "study.py"
PRIOR = {"kind": "pretrained"}
HELD = {"prior": PRIOR, "posterior_ratio": 0.015, "learn_scale": False}
OF_WEIGHT = "of the pretrained weight's size"
LEARNED = {"prior": PRIOR, "posterior_ratio": 0.1, "learn_scale": True}


def notes_of(weights: str, **bnn: Any) -> list[str]:
    sections = {"layers": "all", "hidden": HELD, "features": LEARNED, "hidden_from_scratch": LEARNED, "head": LEARNED}
    plain = runpy.run_path(str(STUDY))["get_config"]().to_dict()
    fields = {"use_pretrained": True, "learning_rate": 0.1, **sections, **bnn}
    config = {"config": {**plain, "bnn": fields}, "weights_fingerprint": "" if weights == "none" else "0"}
    record = {"model": "bnn", "n_per_class": 5, "seed": 0, "num_train_examples": 10, "class_names": ["ant", "bee"]}
    empty = np.zeros((1, 0, 2)), np.zeros(0, np.int64), ()
    return notes(RunSet(Path("."), [Run(Path("."), {**record, "weights": weights}, config, [], *empty)]))


def test_scales_that_are_held_are_named_by_kind_of_layer() -> None:
    [line] = notes_of("alexnet.npz")
    assert line.endswith(f"scales are held at about 1.5 % {OF_WEIGHT} in the dense layers before the last.")
    [line] = notes_of("alexnet.npz", head=HELD, features={**HELD, "posterior_ratio": 0.01})
    assert f"held at about 1 % {OF_WEIGHT} in convolutions, at about 1.5 % {OF_WEIGHT} in the dense layers" in line
    assert line.endswith("and at about 1.5 % of the pretrained weight's size in the last layer.")


@pytest.mark.parametrize(("weights", "bnn"), [("none", {}), ("alexnet.npz", {"use_pretrained": False})])
def test_without_pretrained_weights_the_settings_of_a_start_from_scratch_count(weights: str, bnn: Any) -> None:
    assert notes_of(weights, **bnn) == []
    [line] = notes_of(weights, **bnn, hidden_from_scratch={**HELD, "posterior_ratio": 0.2})
    assert "at about 20 % of the pretrained weight's size in convolutions and at about 20 %" in line


def test_under_a_log_uniform_prior_scales_are_held_at_a_share_of_the_weight() -> None:
    [line] = notes_of(
        "alexnet.npz", hidden={**HELD, "prior": {"kind": "log_uniform"}, "posterior_ratio": 0.3}, head=HELD
    )
    assert "held at 30 % of the weight's size, whatever that becomes, in the dense layers before the last" in line
    assert line.endswith("and at about 1.5 % of the pretrained weight's size in the last layer.")


def test_layers_without_a_posterior_are_not_spoken_of() -> None:
    assert notes_of("alexnet.npz", layers="head") == []


def test_a_share_of_a_prior_that_is_wider_than_the_weight_is_told_as_the_share_of_the_weight() -> None:
    wide = {**HELD, "prior": {"kind": "pretrained", "scale": 10.0}, "posterior_ratio": 0.06}
    [line] = notes_of("alexnet.npz", hidden=wide)
    assert line.endswith(
        "scales are held at about 60 % of the pretrained weight's size in the dense layers before the last."
    )
    [line] = notes_of("alexnet.npz", hidden={**wide, "prior": {"kind": "scaled_normal", "scale": 1.0}})
    assert line.endswith("scales are held at 6 % of their prior's in the dense layers before the last.")
