"""Makes the benchmarks' own package importable, as it is for the scripts beside it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

Run = Callable[..., subprocess.CompletedProcess[str]]
NARROW = ("--width_multiplier=0.03", "--image_size=63", "--repeats=1")


@pytest.fixture
def run_script(tmp_path: Path) -> Run:
    """Runs a benchmark on a narrow model."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "benchmarks" / name), *NARROW, f"--cache_dir={tmp_path}", *arguments]
        environment = os.environ | {"COLUMNS": "120", "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run
