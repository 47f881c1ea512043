import functools
import itertools
import pickle
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import Display
from tfp_insects.progress.meter import NEVER_FULL, Meter
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study import grid
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.grid import plan_runs
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.recipe import Recipe
from tfp_insects.study.work import work_of_run


def test_runs_that_fail_in_other_processes_are_outcomes(
    tiny_experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(calls: Any, num_jobs: int, on_start: Any, on_message: Any) -> Any:
        assert num_jobs == 2
        sent = pickle.loads(pickle.dumps(calls))  # As it goes to another process.
        for key, call in sent.items():
            on_start(key)
            yield key, None if key.seed == 0 else call(functools.partial(on_message, key))

    monkeypatch.setattr(grid, "run_in_processes", run_here)
    keys = [RunKey("cnn", 4, seed) for seed in (0, 1)]
    recipe = Recipe(str(tmp_path / "nix.zip"), "none", [4], tiny_experiment.config, tmp_path)
    died, failed = grid.run_grid(keys, tiny_experiment, tmp_path, Console(quiet=True), Parallel(recipe, num_jobs=2))
    assert died == (keys[0], None, grid.PROCESS_DIED)
    assert (failed.key, failed.record) == (keys[1], None)
    assert failed.failure is not None
    assert "nix.zip" in failed.failure
    assert "Traceback" not in failed.failure


def test_runs_in_other_processes_tell_of_all_their_work(
    tiny_experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [RunKey("cnn", 4, seed) for seed in (0, 1)]
    now = [0.0]
    display = Display(Meter(Costs(), num_jobs=2, clock=lambda: now[0]), Console(quiet=True))
    display.meter.is_planned = True
    plan_runs(display, keys, tiny_experiment.split, tiny_experiment.config, tmp_path, num_opened=10)
    running, shares = [], []

    def run_here(calls: Any, num_jobs: int, on_start: Any, on_message: Any) -> Any:
        for key in calls:
            on_start(key)
        running.extend(group.name for group in display.meter.running)
        for key in calls:  # What a process would send, word by word.
            for part in work_of_run(key, tiny_experiment.split, tiny_experiment.config, num_opened=10):
                now[0] += part.start_guess + part.units * part.guess
                on_message(key, (part.phase, part.units, 0.0))
                shares.append(display.meter.share())
            yield key, None

    monkeypatch.setattr(grid, "run_in_processes", run_here)
    parallel = Parallel(Recipe("x.zip", "none", [4], tiny_experiment.config, tmp_path), num_jobs=2)
    grid.run_grid(keys, tiny_experiment, tmp_path, Console(quiet=True), parallel, display)
    assert running == ["cnn-n4-seed0", "cnn-n4-seed1"]
    rising = [share for share in shares if share < NEVER_FULL]
    assert len(rising) > 10
    assert all(later > earlier for earlier, later in itertools.pairwise(rising))
    assert shares == sorted(shares)
    assert display.meter.share() == 1.0
