import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.cli import run as command
from tfp_insects.cli.run import Command, run_command
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.files import write_json
from tfp_insects.own_output import MARKER_NAME
from tfp_insects.progress.costs import Costs
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.identity import FORMAT
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.plan import is_known, print_plan, work_left
from tfp_insects.study.probing import probe
from tfp_insects.study.steps import steps_of_run
from tfp_insects.training.history import EpochRow, write_history


class CostsOfAll(Costs):
    """A machine that takes a minute for each unit of training, half of one for all others, and nothing to start."""

    def seconds(self, key: str, guess: float, scale: float | None) -> float:
        return 60.0 if key.startswith("step") else 0.0 if "first" in key or "build" in key else 30.0


def planned(
    keys: list[RunKey], experiment: Experiment, workdir: Path, costs: Costs
) -> tuple[dict[str, list[str]], str]:
    """The words behind each run's name, and all that is printed."""
    stream = io.StringIO()
    work = work_left(keys, experiment.split, experiment.config, workdir)
    print_plan(work, experiment.split, experiment.config, workdir, costs, Console(file=stream, width=120))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    return {words[0]: words[1:] for words in lines if words}, stream.getvalue()


@pytest.mark.parametrize("model", ["cnn", "ensemble"])
def test_steps_are_those_of_the_run(model: str, tiny_experiment: Experiment) -> None:
    steps = steps_of_run(RunKey(model, 4, 0), tiny_experiment.split, tiny_experiment.config)
    # 4 classes of 4 images in batches of 8, 3 epochs; the ensemble has 2 networks.
    assert steps == (8, 2, 6 if model == "cnn" else 12)


def test_times_of_training_and_of_answering_are_told_apart(tiny_experiment: Experiment, tmp_path: Path) -> None:
    for size, name in ((1, "num_samples"), (2, "batch_size")):
        directory = RunKey("cnn", size, 0).directory(tmp_path)
        (directory / "checkpoints").mkdir(parents=True)
        (directory / "checkpoints" / "weights.h5").touch()
        write_json(directory / "record.json", {"format": FORMAT})
        prediction = {**tiny_experiment.config.to_plain()["prediction"], name: 2}
        write_json(directory / "config.json", {"model": "cnn", "config": {"prediction": prediction}})
    keys = [RunKey("cnn", 1, 0), RunKey("cnn", 2, 0), RunKey("cnn", 4, 0)]
    found, text = planned(keys, tiny_experiment, tmp_path, CostsOfAll())
    # 4 classes of 4 validation and 5 test images. Answers: 36 images read, 36 answered, results of 20 written, each 0.5 min.
    assert found["cnn-n1-seed0"] == ["trained,", "to", "predict", "anew", "6", "0.0", "46.0", "46.0"]
    assert found["cnn-n2-seed0"] == ["finished", "6", "0.0", "0.0", "0.0"]
    # 6 steps of a minute, 48 images validated in 3 epochs, 16 + 16 + 36 read, 32 turned into features; 36 + 20 for answers.
    assert found["cnn-n4-seed0"] == ["to", "do", "6", "80.0", "28.0", "108.0"]
    assert "about 154.0 minutes, of them 80.0 to train and 74.0 to answer" in text


def test_what_this_machine_has_not_done_is_marked(tiny_experiment: Experiment, tmp_path: Path) -> None:
    found, text = planned([RunKey("bnn", 4, 0)], tiny_experiment, tmp_path, Costs())
    assert found["bnn-n4-seed0"] == ["to", "do", "6", "?", "?", "?"]
    assert "what is marked ?" in text


def test_a_training_that_is_taken_over_from_another_run_takes_no_time(
    tiny_experiment: Experiment, tmp_path: Path
) -> None:
    keys = [RunKey("cnn", 4, 0), RunKey("cnn_temperature", 4, 0)]
    work = work_left(keys, tiny_experiment.split, tiny_experiment.config, tmp_path)
    assert {part.phase for part in work[keys[1]]} == {
        "reading images", "predicting validation images", "predicting test images", "writing results"
    }  # fmt: skip


def test_snapshots_are_left_where_the_training_is_taken_over_until_they_are_collected(
    tiny_experiment: Experiment, tmp_path: Path
) -> None:
    keys = [RunKey("cnn", 4, 0), RunKey("swag", 4, 0)]
    work = work_left(keys, tiny_experiment.split, tiny_experiment.config, tmp_path)
    units = {part.phase: part.units for part in work[keys[1]]}
    assert units["collecting snapshots"] == 6  # Three epochs of two steps.
    assert "training" not in units
    directory = keys[1].directory(tmp_path)
    directory.mkdir()
    (directory / "weight_posterior.npz").touch()
    work = work_left(keys, tiny_experiment.split, tiny_experiment.config, tmp_path)
    assert "collecting snapshots" not in {part.phase for part in work[keys[1]]}


def test_a_broken_run_has_its_other_epochs_left(tiny_experiment: Experiment, tmp_path: Path) -> None:
    directory = RunKey("cnn", 4, 0).directory(tmp_path)
    directory.mkdir()
    write_history(directory / "history.csv", [EpochRow(1, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5, 0.0, 1.0)])
    (parts,) = work_left([RunKey("cnn", 4, 0)], tiny_experiment.split, tiny_experiment.config, tmp_path).values()
    units = {part.phase: part.units for part in parts}
    assert units["training"] == pytest.approx(4)
    assert units["validating"] == pytest.approx(32)


def test_a_probe_learns_all_that_a_run_costs(tiny_experiment: Experiment, tmp_path: Path) -> None:
    key, costs, said = RunKey("bnn", 4, 0), Costs(), []
    experiment = tiny_experiment
    work = work_left([key, RunKey("bnn", 4, 1)], experiment.split, experiment.config, tmp_path)
    probe(work, experiment.source, experiment.split, experiment.config, False, costs, said.append)
    assert len(said) == 1  # The second run's costs are the first one's.
    assert all(is_known(parts, costs) for parts in work.values())
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_neither_downloads_nor_pretrains(
    insects: ImageSource, tiny_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("weights were asked for")

    monkeypatch.setattr(command, "open_images", lambda *_: insects)
    monkeypatch.setattr("tfp_insects.study.experiment.resolve_weights", fail)
    wanted = Command(["bnn"], ["4"], ["0"], "synthetic", "auto", tmp_path / "runs", tmp_path / "cache", dry_run=True)
    run_command(wanted, lambda is_drawn: tiny_config.to_plain())
    assert "bnn-n4-seed0" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["seconds_of_work.json"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [MARKER_NAME]


def test_a_dry_run_tells_what_is_wrong_with_weights(
    insects: ImageSource, tiny_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "open_images", lambda *_: insects)
    (tmp_path / "w.pth").write_bytes(b"no weights")
    weights = str(tmp_path / "w.pth")
    wanted = Command(["bnn"], ["4"], ["0"], "synthetic", weights, tmp_path / "runs", tmp_path / "cache", dry_run=True)
    with pytest.raises(InputError, match=r"w\.pth: cannot be read as a torch checkpoint"):
        run_command(wanted, lambda is_drawn: tiny_config.to_plain())
