import pickle
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.runs.run_key import RunKey
from tfp_insects.study import grid
from tfp_insects.study.experiment import Experiment, Recipe
from tfp_insects.study.parallel import Parallel


def test_runs_that_fail_in_other_processes_are_outcomes(
    tiny_experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(calls: Any, num_jobs: int) -> Any:
        assert num_jobs == 2
        sent = pickle.loads(pickle.dumps(calls))  # As it goes to another process.
        return ((key, None if key.seed == 0 else call()) for key, call in sent.items())

    monkeypatch.setattr(grid, "run_in_processes", run_here)
    keys = [RunKey("cnn", 4, seed) for seed in (0, 1)]
    recipe = Recipe(str(tmp_path / "nix.zip"), "none", [4], tiny_experiment.config, tmp_path)
    died, failed = grid.run_grid(keys, tiny_experiment, tmp_path, Console(quiet=True), Parallel(recipe, num_jobs=2))
    assert died == (keys[0], None, grid.PROCESS_DIED)
    assert (failed.key, failed.record) == (keys[1], None)
    assert failed.failure is not None
    assert "nix.zip" in failed.failure
    assert "Traceback" not in failed.failure
