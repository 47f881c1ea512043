"""Several cells at the same time, each in a process of its own."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tfp_insects.startup import use_threads
from tfp_insects.study.experiment import Recipe

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Parallel:
    """How to run several cells at the same time.

    Attributes:
        recipe: From which each process makes the experiment.
        num_jobs: Processes at the same time; each gets its share of the cores.
    """

    recipe: Recipe
    num_jobs: int


def run_in_processes(calls: Mapping[Key, Callable[[], Result]], num_jobs: int) -> Iterator[tuple[Key, Result | None]]:
    """Makes each call in a fresh process and yields the results as they come, none where the process died.

    Args:
        calls: What to call, by any name; `functools.partial` of functions at the top of a module.
        num_jobs: Processes at the same time; each gets its share of the cores.
    """
    num_threads = max(1, (os.cpu_count() or 1) // num_jobs)
    waiting = concurrent.futures.ThreadPoolExecutor(num_jobs)
    futures = {waiting.submit(_run_in_process, call, num_threads): key for key, call in calls.items()}
    try:
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()
    finally:
        waiting.shutdown(cancel_futures=True)  # After an interrupt, nothing else is begun.


def _run_in_process(call: Callable[[], Result], num_threads: int) -> Result | None:
    # Forking a process in which TensorFlow runs would copy its locks.
    context = multiprocessing.get_context("spawn")
    # A pool ends as a whole with any of its processes, so each process has a pool of its own.
    with concurrent.futures.ProcessPoolExecutor(1, context, use_threads, (num_threads,)) as pool:
        try:
            return pool.submit(call).result()
        except BrokenProcessPool:
            return None
