"""The grid of runs: each is made, resumed or skipped, and one that fails does not stop the others."""

import contextlib
import functools
import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress

from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written
from tfp_insects.progress import progress_bar
from tfp_insects.runs.config import MONTE_CARLO
from tfp_insects.runs.guessing import guessing_nll, is_no_better_than_guessing
from tfp_insects.runs.layout import RECORD_NAME
from tfp_insects.runs.run_key import RunKey
from tfp_insects.startup import is_out_of_memory, without_autograph
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.processes import run_in_processes
from tfp_insects.study.run_one import OneRun
from tfp_insects.study.steps import steps_of_run
from tfp_insects.training.fit import OnStep

Record = dict[str, Any]
PROCESS_DIED = (
    "its process ended without a word, as the system ends one when memory runs out. Give the same command again with fewer "
    "runs at the same time; this one goes on where it was"
)
OUT_OF_MEMORY = (
    "memory ran out. Give the same command again with fewer runs at the same time, or lower training.batch_size or "
    "prediction.batch_size"
)


class Outcome(NamedTuple):
    """What became of a run: its record, or what went wrong."""

    key: RunKey
    record: Record | None
    failure: str | None


Outcomes = Generator[Outcome, None, None]


def run_grid(
    keys: Sequence[RunKey], experiment: Experiment, workdir: Path, console: Console, parallel: Parallel | None = None
) -> list[Outcome]:
    """Does all runs that are not finished.

    Args:
        keys: What to run, in this order.
        experiment: What they share.
        workdir: Where their directories go.
        console: Where progress is shown and each result is told in a line.
        parallel: How to do several runs at the same time; none does one after the other in this process.

    Returns:
        One outcome a run, in the order of the keys.
    """
    before = {key: _written_at(key, workdir) for key in keys}
    with progress_bar(console) as progress:
        if parallel is None:
            stream = _run_one_by_one(keys, experiment, workdir, progress)
        else:
            stream = _run_parallel(keys, parallel, workdir, progress)
        outcomes = {}
        with contextlib.closing(stream):  # Whatever ends this loop ends the processes behind it.
            for outcome in stream:
                outcomes[outcome.key] = outcome
                line = _describe(outcome, before[outcome.key], _written_at(outcome.key, workdir))
                # A traceback may hold what rich would take for markup.
                console.print(line, soft_wrap=True, markup=False, highlight=False)
    return [outcomes[key] for key in keys]


def require_all(outcomes: Sequence[Outcome]) -> None:
    """Raises `InputError` with the list of the runs that failed, if any did."""
    failures = [f"{outcome.key.name}: {outcome.failure}" for outcome in outcomes if outcome.failure]
    if failures:
        raise InputError(f"{len(failures)} of {len(outcomes)} runs failed:\n" + "\n".join(failures))


@without_autograph  # Also where it is a process's only call.
def run_safely(
    key: RunKey, make_experiment: Callable[[], Experiment], workdir: Path, on_step: OnStep = lambda: None
) -> Outcome:
    """Does one run; what goes wrong becomes part of the outcome, a defect of the project with its traceback."""
    try:
        with told_if_not_written(key.directory(workdir)):
            return Outcome(key, OneRun(key, make_experiment(), workdir).run(on_step), None)
    except InputError as error:
        return Outcome(key, None, str(error))
    except Exception as error:
        return Outcome(key, None, OUT_OF_MEMORY if is_out_of_memory(error) else traceback.format_exc())


def _run_one_by_one(keys: Sequence[RunKey], experiment: Experiment, workdir: Path, progress: Progress) -> Outcomes:
    steps = {key: steps_of_run(key, experiment.split, experiment.config).per_run for key in keys}
    overall = progress.add_task("all runs", total=sum(steps.values()))
    for key in keys:
        before = progress.tasks[0].completed
        task = progress.add_task(key.name, total=steps[key])

        def on_step(task: Any = task) -> None:
            progress.advance(task)
            progress.advance(overall)

        yield run_safely(key, lambda: experiment, workdir, on_step)
        progress.remove_task(task)
        progress.update(overall, completed=before + steps[key])


def _run_parallel(keys: Sequence[RunKey], parallel: Parallel, workdir: Path, progress: Progress) -> Outcomes:
    overall = progress.add_task("all runs", total=len(keys))
    calls = {key: functools.partial(run_safely, key, parallel.recipe.make, workdir) for key in keys}
    with contextlib.closing(run_in_processes(calls, parallel.num_jobs)) as results:
        for key, outcome in results:
            progress.advance(overall)
            yield outcome or Outcome(key, None, PROCESS_DIED)


def _written_at(key: RunKey, workdir: Path) -> int | None:
    """When a run's record was written, in nanoseconds; none where there is none."""
    path = key.directory(workdir) / RECORD_NAME
    return path.stat().st_mtime_ns if path.exists() else None


def _describe(outcome: Outcome, before: int | None, now: int | None) -> str:
    if outcome.record is None:
        return f"{outcome.key.name}: failed. {outcome.failure}"
    verb = "finished" if before is None else "already finished" if before == now else "predicted anew"
    accuracy, nll = outcome.record["accuracy"], outcome.record["nll"]
    passes = "" if outcome.record["num_draws"] == 1 else f", {_passes(outcome.record)} an answer"
    line = f"{outcome.key.name}: {verb}, test accuracy {accuracy:.3f}, NLL {nll:.3f}{passes}"
    return f"{line}. {_warning(outcome.record)}" if is_no_better_than_guessing(outcome.record) else line


def _warning(record: Record) -> str:
    num_classes = len(record["class_names"])
    return (
        f"It is no better than guessing: the NLL of its validation images is {record['validation_nll']:.3f}, that of the "
        f"same probability for each class is ln {num_classes} = {guessing_nll(num_classes):.3f}. Try another learning rate, "
        "or more epochs"
    )


def _passes(record: Record) -> str:
    """How many passes each network answers with, so that who asked for few sees where there are more."""
    number = "1 pass" if record["num_samples"] == 1 else f"{record['num_samples']} passes"
    return f"{number} by {record.get('prediction_method', MONTE_CARLO).replace('_', ' ')}"
