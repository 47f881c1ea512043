"""Six runs by the command on a Ray cluster: a worker is killed, then the head; in the end all is as by the local engine."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from fixtures.ray_heads import Head, require_ray, started_head

from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--config=quickstart",
    "--weights=none",
    "--config.data.num_test_per_class=6",
    "--config.data.num_validation_per_class=4",
    "--config.model.width_multiplier=0.05",
    "--config.model.image_size=63",
    "--config.training.epochs=4",
    "--config.training.checkpoint_seconds=0.0",
    "--model=cnn,bnn",
    "--n_per_class=5",
    "--seeds=0,1,2",
)
RUNS = [f"{model}-n5-seed{seed}" for model in ("cnn", "bnn") for seed in (0, 1, 2)]
# Of a record, what two runs of the same settings differ in.
TIMES = re.compile(r"seconds|time|memory")


def start(workdir: Path, *flags: str) -> subprocess.Popen[str]:
    called = [sys.executable, str(ROOT / "scripts" / "run.py"), f"--workdir={workdir}", "--jobs=2"]
    pipe = subprocess.PIPE
    places = [f"--cache_dir={workdir.parent / 'cache'}", f"--data={workdir.parent / 'images'}"]
    return subprocess.Popen([*called, *places, *SMALL, *flags], stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    said, errors = process.communicate(timeout=3000)
    assert process.returncode == 0, said + errors
    return said


def wait_for(process: subprocess.Popen[str], is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 1500
    while not is_true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker_of(workdir: Path, name: str) -> int | None:
    """The process that trains a run: the one that its lock names, once there is an epoch."""
    lock, history = workdir / name / ".lock", workdir / name / "history.csv"
    if (workdir / name / "record.json").exists() or not history.exists() or not lock.read_text():
        return None
    pid = int(lock.read_text().split()[0])
    return pid if psutil.pid_exists(pid) else None


def kill_a_worker(process: subprocess.Popen[str], workdir: Path) -> int:
    found: list[int] = []

    def find() -> bool:
        found.extend(pid for name in RUNS if (pid := worker_of(workdir, name)))
        return bool(found)

    wait_for(process, find)
    os.kill(found[0], signal.SIGKILL)
    return found[0]


def wait_for_record(process: subprocess.Popen[str], workdir: Path) -> None:
    wait_for(process, lambda: any((workdir / name / "record.json").exists() for name in RUNS))


def figures(directory: Path) -> dict[str, object]:
    record = json.loads((directory / "record.json").read_text())
    return {name: value for name, value in record.items() if not TIMES.search(name)}


def test_six_runs_survive_a_worker_and_go_on_after_the_head(tmp_path: Path) -> None:
    require_ray()
    for species in STUDY_SPECIES:
        (tmp_path / "images" / species.name).mkdir(parents=True)
        for i in range(16):
            (tmp_path / "images" / species.name / f"{i:02}.jpg").write_bytes(draw_example(species, 0, i))
    local, ray = tmp_path / "local", tmp_path / "ray"
    with tempfile.TemporaryDirectory(prefix="ray-") as scratch, started_head(Path(scratch)) as head:
        lose_the_head(head, ray)
    records = {name: (ray / name / "record.json") for name in RUNS}
    before = {name: path.stat().st_mtime_ns for name, path in records.items() if path.exists()}
    assert 0 < len(before) < len(RUNS)

    again = start(ray, "--engine=ray")  # A cluster of this machine alone.
    victim = kill_a_worker(again, ray)
    said = finish(again)
    print(said)
    assert not psutil.pid_exists(victim)
    assert said.count(": finished") == len(RUNS) - len(before)
    assert said.count(": already finished") == len(before)
    assert {name: records[name].stat().st_mtime_ns for name in before} == before
    assert (ray / "report" / "index.html").exists()

    finish(start(local))
    for name in RUNS:
        assert figures(ray / name).keys() == figures(local / name).keys()
        found, expected = (np.load(workdir / name / "predictions.npz") for workdir in (ray, local))
        assert found["example_ids"].tolist() == expected["example_ids"].tolist()
        difference = float(np.abs(found["probabilities"] - expected["probabilities"]).max())
        print(name, "largest difference of a probability:", difference)
        assert difference < 1e-4


def lose_the_head(head: Head, workdir: Path) -> None:
    process = start(workdir, "--engine=ray", f"--ray_address={head.address}")
    wait_for_record(process, workdir)
    head.kill()
    killed = time.monotonic()
    said, errors = process.communicate(timeout=120)
    print(said, errors, f"{time.monotonic() - killed:.1f} s after the head")
    assert process.returncode == 1
    assert f"error: the head of the Ray cluster at {head.address} does not answer any more." in errors
    assert "Traceback" not in errors
