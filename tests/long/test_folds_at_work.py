"""Six classes of 20 images, as of rare species: refused, cross-validated, killed, resumed, exported, used."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--config.model.width_multiplier=0.05",
    "--config.model.image_size=63",
    "--config.model.freeze_features=true",
    "--config.augmentation.flip=false",
    "--config.augmentation.shift=0.0",
    "--config.bnn.layers=head",
    "--config.training.epochs=2",
    "--config.training.checkpoint_seconds=0.0",
    "--weights=none",
)
FOLDS = ("--model=cnn,bnn", "--n_per_class=12", "--folds=5")


def start(images: Path, workdir: Path, *flags: str) -> subprocess.Popen[str]:
    called = [sys.executable, str(ROOT / "scripts" / "run.py"), f"--data={images}", f"--workdir={workdir}"]
    return subprocess.Popen(
        [*called, f"--cache_dir={workdir / 'cache'}", *SMALL, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kill_when_there(process: subprocess.Popen[str], path: Path) -> None:
    deadline = time.monotonic() + 900
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def times(workdir: Path) -> dict[Path, int]:
    found = [path for path in workdir.glob("**/*-seed0*/**/*.*") if path.name != ".lock"]
    return {path: path.stat().st_mtime_ns for path in found}


def test_six_classes_of_twenty_images_are_cross_validated_and_used(tmp_path: Path) -> None:
    images, workdir, model = tmp_path / "rare.zip", tmp_path / "runs", tmp_path / "model"
    with zipfile.ZipFile(images, "w") as archive:
        for species in STUDY_SPECIES[:6]:
            for i in range(20):
                archive.writestr(f"{species.name}/{i:02}.jpg", draw_example(species, 0, i))
    refused = start(images, workdir, "--model=cnn,bnn", "--n_per_class=50")
    _, words = refused.communicate(timeout=600)
    assert refused.returncode == 1
    assert "--n_per_class=12 --folds=5)" in words

    kill_when_there(start(images, workdir, *FOLDS), workdir / "folds" / "cnn-n12-seed0-fold1" / "history.csv")
    assert not (workdir / "cnn-n12-seed0").exists()
    finished = start(images, workdir, *FOLDS)
    said, errors = finished.communicate(timeout=1800)
    assert finished.returncode == 0, errors
    assert "cnn-n12-seed0-fold0: already finished" in said
    assert "bnn-n12-seed0: finished" in said
    assert "each in one of 5 folds" in said
    with np.load(workdir / "bnn-n12-seed0" / "predictions.npz") as arrays:
        assert arrays["probabilities"].shape[1:] == (120, 6)
        assert len(set(arrays["example_ids"].tolist())) == 120
    page = (workdir / "report" / "index.html").read_text()
    assert "Cross-validation in 5 folds: each image is tested once" in page

    before = times(workdir)
    again = start(images, workdir, *FOLDS)
    said, errors = again.communicate(timeout=600)
    assert again.returncode == 0, errors
    assert said.count("already finished") == 12
    assert times(workdir) == before

    scripts = ROOT / "scripts"
    run(str(scripts / "export.py"), f"--run={workdir / 'bnn-n12-seed0'}", f"--output={model}", "--risk=0.5")
    card = json.loads((model / "1" / "model_card.json").read_text())
    assert (card["num_folds"], card["num_test_examples"], card["accepted"]["is_approximate"]) == (5, 120, True)
    assert any(line.startswith("Cross-validation in 5 folds") for line in card["limits"])
    output = tmp_path / "predictions.csv"
    run(str(scripts / "predict.py"), f"--model={model}", f"--images={images}", f"--output={output}")
    assert len(output.read_text().splitlines()) == 121
