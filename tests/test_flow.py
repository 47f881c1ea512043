"""The main job from end to end: `scripts/run.py` and `tfp-insects run` on a few drawn insects, as a user runs them."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tfp_insects.cli.posterior import show_posterior
from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES

ROOT = Path(__file__).resolve().parent.parent
CLASSES = 3
IMAGES_PER_CLASS = 14
SCRIPT = (str(ROOT / "scripts" / "run.py"),)
COMMAND = ("-m", "tfp_insects", "run")
SMALL = (
    "--config.model.width_multiplier=0.05",
    "--config.model.image_size=63",
    "--config.data.num_test_per_class=5",
    "--config.data.num_validation_per_class=4",
    "--config.prediction.num_samples=3",
    "--config.prediction.num_last_layer_samples=2",
    "--config.training.checkpoint_seconds=0.0",
    "--weights=none",
)
EPOCHS = 5
TIMES = {
    "train_seconds",
    "seconds_to_best_epoch",
    "seconds_per_step",
    "predict_seconds",
    "seconds_by_phase",
    "run_seconds",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of class folders."""
    path = tmp_path_factory.mktemp("images") / "insects.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for species in STUDY_SPECIES[:CLASSES]:
            for i in range(IMAGES_PER_CLASS):
                archive.writestr(f"{species.name}/{i:03}.jpg", draw_example(species, 0, i))
    return path


@pytest.fixture(scope="module")
def finished(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work directory of a finished run of both twins at two sizes."""
    workdir = tmp_path_factory.mktemp("finished")
    result = run(images, workdir, "--model=cnn,bnn", "--n_per_class=2,4", f"--config.training.epochs={EPOCHS}")
    assert result.returncode == 0, result.stderr
    assert "bnn-n4-seed0: finished" in result.stdout
    return workdir


def command(images: Path, workdir: Path, *flags: str, program: Sequence[str] = SCRIPT) -> list[str]:
    called = [sys.executable, *program, f"--data={images}", f"--workdir={workdir}"]
    return [*called, f"--cache_dir={workdir / 'cache'}", *SMALL, *flags]


def run(images: Path, workdir: Path, *flags: str, program: Sequence[str] = SCRIPT) -> subprocess.CompletedProcess[str]:
    called = command(images, workdir, *flags, program=program)
    return subprocess.run(called, capture_output=True, text=True, check=False, timeout=300)


def record(workdir: Path, run: str) -> dict:
    return json.loads((workdir / run / "record.json").read_text())


def rows(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_finished_run_holds_what_the_readme_says(finished: Path) -> None:
    run = finished / "bnn-n4-seed0"
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "history.csv", "predictions.npz", "split.json", "record.json", "tensorboard"} <= names
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["weights.h5"]
    assert [row["epoch"] for row in rows(run / "history.csv")] == [str(i + 1) for i in range(EPOCHS)]


def test_the_record_agrees_with_the_predictions(finished: Path) -> None:
    with np.load(finished / "bnn-n4-seed0" / "predictions.npz") as arrays:
        assert arrays["probabilities"].shape == (6, CLASSES * 5, CLASSES)
        mean = arrays["probabilities"].astype(np.float64).mean(0)
        labels = arrays["labels"]
    written = record(finished, "bnn-n4-seed0")
    assert written["accuracy"] == pytest.approx(np.mean(mean.argmax(-1) == labels))
    assert written["nll"] == pytest.approx(-np.log(mean[np.arange(len(labels)), labels]).mean())
    assert written["num_train_examples"] == 4 * CLASSES


def test_the_best_epoch_is_that_of_lowest_validation_nll(finished: Path) -> None:
    history = rows(finished / "cnn-n4-seed0" / "history.csv")
    nll = [float(row["validation_nll"]) for row in history]
    assert record(finished, "cnn-n4-seed0")["best_epoch"] == 1 + int(np.argmin(nll))


def test_both_twins_and_all_sizes_share_the_test_set(finished: Path) -> None:
    ids = set()
    for path in finished.glob("*/predictions.npz"):
        with np.load(path) as arrays:
            ids.add(tuple(arrays["example_ids"]))
    assert len(ids) == 1


def test_the_comparison_has_a_row_a_run_and_a_picture_a_model(finished: Path) -> None:
    found = [(row["model"], row["n_per_class"]) for row in rows(finished / "comparison.csv")]
    assert found == [("cnn", "2"), ("bnn", "2"), ("cnn", "4"), ("bnn", "4")]
    for model in ("cnn", "bnn"):
        assert (finished / f"accuracy-{model}.png").read_bytes().startswith(b"\x89PNG")


def test_what_the_twin_has_learnt_is_shown_with_its_accuracy_after_pruning(
    images: Path, finished: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(finished / "bnn-n4-seed0", tmp_path / "bnn-n4-seed0")
    printed = io.StringIO()
    show_posterior(directory, str(images), tmp_path / "cache", None, Console(file=printed, width=200))
    assert {row["layer"] for row in rows(directory / "posterior.csv")} >= {"features_0", "classifier_6"}
    kept = [float(row["accuracy"]) for row in rows(directory / "pruning.csv")]
    assert len(kept) > 1
    assert (directory / "posterior.png").read_bytes().startswith(b"\x89PNG")
    assert "Written: posterior.csv, posterior.png, pruning.csv" in printed.getvalue()


def test_the_command_skips_what_the_script_has_finished(images: Path, finished: Path) -> None:
    flags = ("--model=cnn", "--n_per_class=2,4", f"--config.training.epochs={EPOCHS}")
    before = (finished / "cnn-n2-seed0" / "record.json").stat().st_mtime_ns
    again = run(images, finished, *flags, program=COMMAND)
    assert again.returncode == 0, again.stderr
    assert "cnn-n2-seed0: already finished" in again.stdout
    assert (finished / "cnn-n2-seed0" / "record.json").stat().st_mtime_ns == before


def test_another_configuration_is_refused(images: Path, finished: Path) -> None:
    other = run(images, finished, "--model=cnn", "--n_per_class=2,4", f"--config.training.epochs={EPOCHS + 1}")
    assert other.returncode == 1
    assert f"config.training.epochs was {EPOCHS}; now it is {EPOCHS + 1}" in other.stderr
    assert "Traceback" not in other.stderr


def test_a_dry_run_names_the_runs_and_writes_none(images: Path, finished: Path) -> None:
    flags = ("--model=cnn", "--n_per_class=2,3", f"--config.training.epochs={EPOCHS}", "--dry_run")
    result = run(images, finished, *flags)
    assert result.returncode == 0, result.stderr
    assert "cnn-n2-seed0" in result.stdout
    assert "finished" in result.stdout
    assert "to do" in result.stdout
    assert not (finished / "cnn-n3-seed0").exists()


@pytest.mark.long
def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(
    images: Path,
    finished: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = ("--model=bnn", "--n_per_class=4", f"--config.training.epochs={EPOCHS}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    broken = tmp_path_factory.mktemp("broken")
    kill_after_epochs(command(images, broken, *flags), broken / "bnn-n4-seed0" / "history.csv", epochs=1)
    assert not (broken / "bnn-n4-seed0" / "record.json").exists()
    assert run(images, broken, *flags).returncode == 0
    with np.load(finished / "bnn-n4-seed0/predictions.npz") as a, np.load(broken / "bnn-n4-seed0/predictions.npz") as b:
        np.testing.assert_array_equal(a["probabilities"], b["probabilities"])
    uninterrupted, resumed = (
        {key: value for key, value in record(workdir, "bnn-n4-seed0").items() if key not in TIMES}
        for workdir in (finished, broken)
    )
    assert resumed == uninterrupted
    history = rows(broken / "bnn-n4-seed0" / "history.csv")
    assert record(broken, "bnn-n4-seed0")["train_seconds"] == pytest.approx(
        sum(float(row["seconds"]) for row in history)
    )
    assert list(tmp_path.iterdir()) == []


def kill_after_epochs(arguments: list[str], history: Path, epochs: int) -> None:
    """Starts a run and kills it, with its whole process group, once so many epochs are written."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if history.exists() and len(history.read_text().splitlines()) > epochs:
            break
        time.sleep(0.05)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
