"""The BNN trained by two workers and by two devices of one process: as good as by one, seed for seed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.small_command import Workers, asked, experiment_of, flags_of
from rich.console import Console

from tfp_insects.study.grid import require_all, run_grid

pytestmark = pytest.mark.long
TESTS = Path(__file__).resolve().parents[1]
IMAGES = TESTS.parents[1] / "shared" / "data" / "hymenoptera2.zip"
SEEDS, N = (0, 1, 2), 16
FIELDS: dict[str, Any] = {"training.epochs": 8, "training.batch_size": 64, "training.min_steps_per_epoch": 4}


def validation_nlls(workdir: Path) -> np.ndarray:
    records = [json.loads((workdir / f"bnn-n{N}-seed{seed}" / "record.json").read_text()) for seed in SEEDS]
    print(workdir.name, [(one["strategy"], one["num_replicas"], one["validation_nll"]) for one in records])
    return np.array([one["validation_nll"] for one in records])


def test_the_twin_is_as_good_whatever_trains_it(real_checkpoint: Path, tmp_path: Path) -> None:
    if not IMAGES.is_file():
        pytest.skip(f"needs {IMAGES.name} in ../shared/data")
    images, request = IMAGES, asked(FIELDS, ["bnn"], N, SEEDS, str(real_checkpoint))
    keys, experiment = experiment_of(str(images), request)
    require_all(run_grid(keys, experiment, tmp_path / "alone", Console(quiet=True)))
    called = [sys.executable, str(TESTS / "fixtures" / "two_devices.py"), "fixtures.mirrored_proofs:grid"]
    done = subprocess.run(
        [*called, str(images), str(tmp_path / "mirrored"), request],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    with Workers(flags_of(images, tmp_path / "workers", request)) as workers:
        assert all(code == 0 for code, _, _ in workers.words(timeout=3000.0))
    alone, mirrored, together = (validation_nlls(tmp_path / name) for name in ("alone", "mirrored", "workers"))
    spread = alone.max() - alone.min()
    assert alone.mean() < 0.9 * np.log(2)  # It has learnt something.
    for other in (mirrored, together):
        assert abs(other.mean() - alone.mean()) < spread, (alone, other)
