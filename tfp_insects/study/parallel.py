"""Several cells at the same time, each in a process of its own."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tfp_insects.study.cells import Cell
from tfp_insects.study.experiment import Recipe


@dataclasses.dataclass(frozen=True)
class Parallel:
    """How to run several cells at the same time.

    Attributes:
        recipe: From which each process makes the experiment.
        num_jobs: Processes at the same time; each gets its share of the cores.
    """

    recipe: Recipe
    num_jobs: int


def run_in_processes(
    run_one: Callable[..., Any], cells: Sequence[Cell], parallel: Parallel, workdir: Path
) -> Iterator[Any]:
    """Runs cells in fresh processes and yields their outcomes as they come.

    Args:
        run_one: A function at the top of a module, `(cell, experiment, workdir, on_step) -> outcome`.
        cells: What to run.
        parallel: How.
        workdir: Where the cells' directories go.
    """
    # Forking a process in which TensorFlow runs would copy its locks.
    context = multiprocessing.get_context("spawn")
    num_threads = max(1, (os.cpu_count() or 1) // parallel.num_jobs)
    with concurrent.futures.ProcessPoolExecutor(
        parallel.num_jobs, context, initializer=_share_cores, initargs=(num_threads,), max_tasks_per_child=1
    ) as pool:
        futures = [pool.submit(_run_from_recipe, run_one, cell, parallel.recipe, workdir) for cell in cells]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


def _share_cores(num_threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(num_threads)


def _run_from_recipe(run_one: Callable[..., Any], cell: Cell, recipe: Recipe, workdir: Path) -> Any:
    return run_one(cell, recipe.make(), workdir, lambda: None)
