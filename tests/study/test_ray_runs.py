"""Runs as tasks of a real Ray cluster on this machine, one of whose workers is killed while it trains."""

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.ray_heads import require_ray, started_head
from rich.console import Console

from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES
from tfp_insects.files import read_json
from tfp_insects.ray_cluster import Cluster, connected
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.layout import RECORD_NAME, TEST_NAME
from tfp_insects.runs.lock import LOCK_NAME
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import make_experiment, open_images
from tfp_insects.study.grid import run_grid
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.ray_engine import RayEngine
from tfp_insects.study.recipe import Recipe, known_of
from tfp_insects.study.work import TRAINING

require_ray()
NUM_PER_CLASS = 13
KEYS = [RunKey("cnn", 4, seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="ray-") as scratch,
        started_head(Path(scratch)) as head,
        connected(head.address) as cluster,
    ):
        yield cluster


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for species in STUDY_SPECIES[:3]:
        for i in range(NUM_PER_CLASS):
            path = tmp_path / "images" / species.name / f"{i:02}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw_example(species, 0, i))
    return tmp_path / "images"


class Killer:
    """An engine that kills the worker of a run as soon as it tells of its training."""

    def __init__(self, engine: RayEngine, victim: RunKey, workdir: Path) -> None:
        self.starts: Counter[RunKey] = Counter()
        self.killed: list[int] = []
        self._engine, self._victim, self._workdir = engine, victim, workdir

    def __call__(self, keys: Any, call: Any, on_start: Any, on_message: Any) -> Any:
        def start(key: RunKey) -> None:
            self.starts[key] += 1
            on_start(key)

        def hear(key: RunKey, word: tuple[str, float, float]) -> None:
            on_message(key, word)
            if key == self._victim and word[0] == TRAINING and not self.killed:
                lock = self._victim.directory(self._workdir) / LOCK_NAME
                self.killed.append(int(lock.read_text().split()[0]))
                os.kill(self.killed[0], signal.SIGKILL)

        return self._engine(keys, call, start, hear)


@pytest.mark.long  # Three workers load TensorFlow.
def test_a_run_whose_worker_dies_is_made_anew_and_all_are_as_of_this_process(
    cluster: Cluster, images: Path, tiny_config: RunConfig, tmp_path: Path
) -> None:
    source = open_images(str(images), [4], tiny_config.data, tmp_path, None)
    experiment = make_experiment(source, "none", [4], tiny_config, tmp_path, lambda line: None)
    recipe = Recipe(str(images), "none", [4], tiny_config, tmp_path, known=known_of(source, None, experiment))
    engine = RayEngine(cluster, jobs_a_machine=2)
    assert engine.num_at_once == 2
    killer = Killer(engine, KEYS[0], tmp_path / "ray")
    outcomes = run_grid(KEYS, experiment, tmp_path / "ray", Console(quiet=True), Parallel(recipe, 2, killer, 60.0))
    assert [outcome.failure for outcome in outcomes] == [None, None]
    assert len(killer.killed) == 1
    assert killer.starts == {KEYS[0]: 2, KEYS[1]: 1}
    run_grid(KEYS, experiment, tmp_path / "here", Console(quiet=True))
    for key in KEYS:
        found, expected = (key.directory(tmp_path / name) for name in ("ray", "here"))
        assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in expected.iterdir())
        assert without_times(found) == without_times(expected)
        probabilities = [np.load(path / TEST_NAME)["probabilities"] for path in (found, expected)]
        np.testing.assert_allclose(*probabilities, atol=1e-4)


def without_times(directory: Path) -> set[str]:
    """The fields of a record; what they hold but times is compared by the predictions."""
    return set(read_json(directory / RECORD_NAME))
