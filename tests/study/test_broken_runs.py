"""Runs that end before their time, in every way but a kill: each says why in a line, and goes on bit for bit."""

import contextlib
import functools
import json
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from fixtures.full_disks import full_disk
from fixtures.interrupting import raise_instead
from fixtures.tiny_study import on_step

from tfp_insects.interruption import Interrupted, interruptible
from tfp_insects.progress.work import OnWork
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study import grid
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.grid import run_safely

KEY = RunKey("cnn", 4, 0)


@pytest.fixture(scope="module")
def expected(finished_run: Callable[[str], Path]) -> np.ndarray:
    """Test predictions of an undisturbed run."""
    return probabilities(finished_run("cnn").parent)


def probabilities(workdir: Path) -> np.ndarray:
    with np.load(KEY.directory(workdir) / "predictions.npz") as file:
        return file["probabilities"]


def at_step(number: int, act: Callable[[], object]) -> OnWork:
    steps = iter(range(1, 100))

    def act_once() -> None:
        if next(steps) == number:
            act()

    return on_step(act_once)


def test_a_full_disk(tiny_experiment: Experiment, expected: np.ndarray, tmp_path: Path) -> None:
    directory = KEY.directory(tmp_path)
    with contextlib.ExitStack() as stack:
        fill = functools.partial(stack.enter_context, full_disk(8_000))
        failed = run_safely(KEY, lambda: tiny_experiment, tmp_path, at_step(4, fill))
    assert failed.failure == (
        f"{directory}/checkpoints was not written (File too large): mend that and give the same command again"
    )
    assert run_safely(KEY, lambda: tiny_experiment, tmp_path).failure is None
    np.testing.assert_array_equal(probabilities(tmp_path), expected)
    names = {path.name for path in directory.rglob("*") if "tfevents" not in path.name}
    assert names == {
        *("config.json", "history.csv", "predictions.npz", "record.json", "split.json", "test_images.zip", ".lock"),
        *("validation_predictions.npz", "checkpoints", "weights.h5", "tensorboard"),
    }


@pytest.mark.long
def test_a_directory_that_goes_in_the_middle(tiny_experiment: Experiment, expected: np.ndarray, tmp_path: Path) -> None:
    directory = KEY.directory(tmp_path)
    failed = run_safely(KEY, lambda: tiny_experiment, tmp_path, at_step(3, lambda: shutil.rmtree(directory)))
    assert failed.failure == (
        f"{directory}/history.csv was not written (No such file or directory): mend that and give the same command again"
    )
    assert not directory.exists()
    assert run_safely(KEY, lambda: tiny_experiment, tmp_path).failure is None
    np.testing.assert_array_equal(probabilities(tmp_path), expected)


def test_a_signal_in_the_middle_of_an_epoch(tiny_experiment: Experiment, expected: np.ndarray, tmp_path: Path) -> None:
    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="interrupted by SIGTERM"), interruptible():
        run_safely(KEY, lambda: tiny_experiment, tmp_path, at_step(5, end))
    assert len((KEY.directory(tmp_path) / "history.csv").read_text().splitlines()) == 3
    steps: list[int] = []
    assert run_safely(KEY, lambda: tiny_experiment, tmp_path, on_step(lambda: steps.append(1))).failure is None
    assert len(steps) == 2  # Those of the third epoch.
    np.testing.assert_array_equal(probabilities(tmp_path), expected)
    assert json.loads((KEY.directory(tmp_path) / "record.json").read_text())["best_epoch"] > 0


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """Lets this process have some gigabytes more than it has, so that nobody else suffers from what it asks for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**33, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.long  # TensorFlow waits ten seconds for memory that others may give back.
@pytest.mark.usefixtures("bounded_memory")
def test_memory_that_runs_out_in_the_middle(tiny_experiment: Experiment, expected: np.ndarray, tmp_path: Path) -> None:
    def take_all_memory() -> None:
        tf.fill([2**20, 2**20], 0.0)  # Four terabytes.

    failed = run_safely(KEY, lambda: tiny_experiment, tmp_path, at_step(4, take_all_memory))
    assert failed.failure == grid.OUT_OF_MEMORY
    assert run_safely(KEY, lambda: tiny_experiment, tmp_path).failure is None
    np.testing.assert_array_equal(probabilities(tmp_path), expected)


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")])
def test_memory_that_runs_out_is_told_with_what_to_do(error: Exception, tmp_path: Path) -> None:
    def fail() -> Experiment:
        raise error

    assert run_safely(KEY, fail, tmp_path).failure == grid.OUT_OF_MEMORY


def test_a_defect_keeps_its_traceback(tmp_path: Path) -> None:
    def fail() -> Experiment:
        raise KeyError("a defect")

    failure = run_safely(KEY, fail, tmp_path).failure
    assert failure is not None
    assert "Traceback" in failure
    assert "KeyError: 'a defect'" in failure


@pytest.mark.long
def test_an_error_that_a_library_makes_of_a_signal_is_no_failure_of_the_run(
    tiny_experiment: Experiment, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted), interruptible():
        run_safely(KEY, lambda: tiny_experiment, tmp_path, at_step(3, lambda: raise_instead(SystemError())))
    assert run_safely(KEY, lambda: tiny_experiment, tmp_path).failure is None
