"""Runs that end with finite weights that are of no use."""

import dataclasses
import io
import json
from pathlib import Path

from rich.console import Console

from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.grid import run_grid

KEY = RunKey("cnn", 4, 0)


def line_of(experiment: Experiment, workdir: Path) -> str:
    console = Console(file=io.StringIO(), width=500)
    run_grid([KEY], experiment, workdir, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_that_is_no_better_than_guessing_says_so(tiny_experiment: Experiment, tmp_path: Path) -> None:
    config = tiny_experiment.config.replaced({"cnn.learning_rate": 10.0, "training.epochs": 1})
    experiment = dataclasses.replace(tiny_experiment, config=config)
    path = KEY.directory(tmp_path) / "record.json"
    said = line_of(experiment, tmp_path)
    record = json.loads(path.read_text())
    assert record["validation_nll"] > 1.387
    assert (
        f"It is no better than guessing: the NLL of its validation images is {record['validation_nll']:.3f}, that of the "
        "same probability for each class is ln 4 = 1.386. Try another learning rate, or more epochs"
    ) in said
    path.write_text(json.dumps({**record, "validation_nll": 1.386}))  # As of a run that has learned.
    said = line_of(experiment, tmp_path)
    assert "already finished" in said
    assert "guessing" not in said
