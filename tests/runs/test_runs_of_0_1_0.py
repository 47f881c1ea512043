"""Runs that version 0.1.0 of the program wrote, on three kinds of painted insects; without their weights and pictures."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.files import read_json
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.runs.claim import claimed_directory
from tfp_insects.runs.identity import FORMAT, kept_sections, predicted_with, read_identity
from tfp_insects.runs.reading import load_runs

WRITTEN = Path(__file__).resolve().parents[1] / "fixtures" / "runs_of_0_1_0"


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return shutil.copytree(WRITTEN, tmp_path / "runs")


def test_they_are_read(workdir: Path) -> None:
    found = load_runs(workdir)
    assert (found.models, found.sizes, found.seeds, found.pair) == (["cnn", "bnn"], [4], [0], ("cnn", "bnn"))
    cnn, bnn = found.runs
    assert (cnn.num_draws, cnn.record["num_samples"]) == (1, 1)
    assert (bnn.num_draws, bnn.record["num_samples"], bnn.num_samples, bnn.num_last_layer_samples) == (6, 3, 3, 2)
    assert bnn.probabilities.shape == (6, 15, 3)
    assert bnn.validation.probabilities.shape == (6, 12, 3)
    assert bnn.ood is bnn.predict_seconds is None
    for run in found.runs:
        assert run.record["nll"] == pytest.approx(negative_log_likelihood(run.probabilities, run.labels))
        assert run.train_seconds == pytest.approx(sum(row.seconds for row in run.history))
        assert run.seconds_to_best_epoch <= run.train_seconds
        assert run.config["config"]["training"]["epochs"] == len(run.history) == 3
        np.testing.assert_array_equal(
            run.labels, [run.class_names.index(name.split("/")[0]) for name in run.example_ids]
        )


def test_they_are_the_runs_of_a_command_that_trains_the_same(workdir: Path) -> None:
    for directory in sorted(workdir.iterdir()):
        before = read_identity(directory / "config.json")
        written = (directory / "config.json").read_bytes()
        split = read_json(directory / "split.json")
        # What the same command writes now: it has new fields with the values of before, and its own sections alone.
        now = {**before, "format": FORMAT, "config": kept_sections(before["model"], before["config"])}
        now["config"]["model"] = {**now["config"]["model"], "architecture": "alexnet"}
        assert len(now["config"]) < len(before["config"])
        assert predicted_with(now) == predicted_with(before)
        with claimed_directory(directory, now, split):
            assert (directory / "config.json").read_bytes() == written
        other = {**now, "config": {**now["config"], "training": {**now["config"]["training"], "epochs": 4}}}
        with (
            pytest.raises(InputError, match=r"whose config\.training\.epochs was 3; now it is 4"),
            claimed_directory(directory, other, split),
        ):
            pass
