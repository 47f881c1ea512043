"""The same bits of two trainings: same seed, machine, versions and number of threads."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
# A process of its own trains networks in all layers, on augmented images, and prints what their weights hash to.
TRAINING = """
import hashlib, runpy, sys
from pathlib import Path

import h5py

from tfp_insects.startup import use_threads

use_threads(2)

from fixtures.tiny_study import STUDY, drawn_source
from tfp_insects.data.painted.species_study import STUDY_SPECIES
from tfp_insects.runs.run_key import RunKey
from tfp_insects.runs.config import RunConfig
from tfp_insects.study.experiment import make_experiment
from tfp_insects.study.run_one import OneRun


def train(is_deterministic, models, workdir):
    config = runpy.run_path(str(STUDY))["get_config"]()
    config.update_from_flattened_dict({
        "model.image_size": 63,
        "model.width_multiplier": 0.05,
        "data.num_test_per_class": 5,
        "data.num_validation_per_class": 4,
        "training.epochs": 2,
        "training.batch_size": 8,
        "training.deterministic": is_deterministic,
        "prediction.method": "monte_carlo",
        "prediction.monte_carlo.num_samples": 2,
    })
    config = RunConfig.from_plain(config.to_dict())
    experiment = make_experiment(source, "none", [4], config, workdir, lambda line: None)
    for model in models:
        OneRun(RunKey(model, 4, 0), experiment, workdir).run_validation()  # Trains, and predicts no test images.
        digest = hashlib.sha256()

        def add(name, part):
            if isinstance(part, h5py.Dataset):
                digest.update(name.encode() + part[()].tobytes())

        with h5py.File(workdir / f"{model}-n4-seed0" / "checkpoints" / "weights.h5") as file:
            file.visititems(add)
        print("weights", model, is_deterministic, digest.hexdigest())


source = drawn_source("some_insects", tuple(STUDY_SPECIES[:4]))
workdir = Path(sys.argv[1])
workdir.mkdir()
train(sys.argv[2] == "deterministic", sys.argv[3:], workdir)
"""


def weights_of(workdirs: list[Path], operations: str, models: Sequence[str]) -> list[list[str]]:
    """The hashes of the weights of these networks, of several processes at the same time."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(workdir), operations, *models],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for workdir in workdirs
    ]
    found = []
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        found.append([line for line in output.splitlines() if line.startswith("weights")])
    return found


@pytest.mark.parametrize(
    ("operations", "models"),
    [
        ("all", ("bnn",)),
        pytest.param("all", ("cnn",), marks=pytest.mark.long),
        pytest.param("deterministic", ("cnn", "bnn"), marks=pytest.mark.long),
    ],
)
def test_two_processes_give_a_network_the_same_weights(
    operations: str, models: tuple[str, ...], tmp_path: Path
) -> None:
    first, second = weights_of([tmp_path / "first", tmp_path / "second"], operations, models)
    assert len(first) == len(models)
    assert first == second
