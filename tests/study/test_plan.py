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
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.plan import print_plan
from tfp_insects.study.steps import steps_of_run


def planned(keys: list[RunKey], experiment: Experiment, workdir: Path) -> dict[str, list[str]]:
    """The words behind each run's name."""
    stream = io.StringIO()
    print_plan(keys, experiment.split, experiment.config, workdir, Console(file=stream, width=120))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    return {words[0]: words[1:] for words in lines if words}


@pytest.mark.parametrize("model", ["cnn", "ensemble"])
def test_steps_are_those_of_the_run(model: str, tiny_experiment: Experiment) -> None:
    steps = steps_of_run(RunKey(model, 4, 0), tiny_experiment.split, tiny_experiment.config)
    # 4 classes of 4 images in batches of 8, 3 epochs; the ensemble has 2 networks.
    assert steps == (8, 2, 6 if model == "cnn" else 12)


def test_time_is_the_median_of_an_images_times_the_images_of_the_run(
    tiny_experiment: Experiment, tmp_path: Path
) -> None:
    for size, batch_size, seconds in ((1, 2, 10.0), (2, 4, 100.0), (3, 8, 80.0)):
        directory = RunKey("cnn", size, 0).directory(tmp_path)
        directory.mkdir()
        write_json(directory / "record.json", {"seconds_per_step": seconds, "batch_size": batch_size})
        num_samples = 2 if size == 2 else 3
        prediction = {**tiny_experiment.config.to_plain()["prediction"], "num_samples": num_samples}
        write_json(directory / "config.json", {"model": "cnn", "config": {"prediction": prediction}})
    again = planned([RunKey("cnn", 2, 0)], tiny_experiment, tmp_path)
    assert again["cnn-n2-seed0"] == ["trained,", "to", "predict", "anew", "6", "0.0"]
    found = planned([RunKey("cnn", 3, 0), RunKey("cnn", 4, 0), RunKey("bnn", 4, 0)], tiny_experiment, tmp_path)
    assert found["cnn-n3-seed0"] == ["finished", "6", "0.0"]
    # 5, 25 and 10 seconds an image: 10 s x 8 images x 6 steps.
    assert found["cnn-n4-seed0"] == ["to", "do", "6", "8.0"]
    assert found["bnn-n4-seed0"] == ["to", "do", "6", "?"]


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
    assert not (tmp_path / "cache").exists()
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
