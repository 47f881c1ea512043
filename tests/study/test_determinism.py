"""The same bits of two trainings: same seed, machine, versions and number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
# A process of its own trains both twins in all layers, on augmented images, and prints what their weights hash to.
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

workdir, is_deterministic, seed = Path(sys.argv[1]), sys.argv[2] == "True", int(sys.argv[3])
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
source = drawn_source("some_insects", tuple(STUDY_SPECIES[:4]))
experiment = make_experiment(source, "none", [4], RunConfig.from_plain(config.to_dict()), workdir, lambda line: None)
for model in ("cnn", "bnn"):
    OneRun(RunKey(model, 4, seed), experiment, workdir).run()
    digest = hashlib.sha256()

    def add(name, part):
        if isinstance(part, h5py.Dataset):
            digest.update(name.encode() + part[()].tobytes())

    with h5py.File(workdir / f"{model}-n4-seed{seed}" / "checkpoints" / "weights.h5") as file:
        file.visititems(add)
    print("weights", model, digest.hexdigest())
"""


def weights_of(workdirs: list[Path], is_deterministic: bool, seeds: list[int]) -> list[list[str]]:
    """The hashes of both twins, of several processes at the same time."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(workdir), str(is_deterministic), str(seed)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for workdir, seed in zip(workdirs, seeds, strict=True)
    ]
    found = []
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        found.append([line for line in output.splitlines() if line.startswith("weights")])
    return found


@pytest.mark.parametrize("is_deterministic", [False, True])
def test_two_processes_give_both_twins_the_same_weights(is_deterministic: bool, tmp_path: Path) -> None:
    workdirs = [tmp_path / name for name in ("first", "second")]
    for workdir in workdirs:
        workdir.mkdir()
    first, second = weights_of(workdirs, is_deterministic, seeds=[0, 0])
    assert len(first) == 2
    assert first == second
