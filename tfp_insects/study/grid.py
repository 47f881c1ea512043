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
from tfp_insects.runs.cells import Cell
from tfp_insects.runs.config import MONTE_CARLO
from tfp_insects.runs.layout import RECORD_NAME
from tfp_insects.startup import is_out_of_memory, without_autograph
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.processes import run_in_processes
from tfp_insects.study.run_cell import CellRun
from tfp_insects.study.steps import steps_of_cell
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
    """What became of a cell: its record, or what went wrong."""

    cell: Cell
    record: Record | None
    failure: str | None


Outcomes = Generator[Outcome, None, None]


def run_grid(
    cells: Sequence[Cell], experiment: Experiment, workdir: Path, console: Console, parallel: Parallel | None = None
) -> list[Outcome]:
    """Runs all cells that are not finished.

    Args:
        cells: What to run, in this order.
        experiment: What they share.
        workdir: Where their directories go.
        console: Where progress is shown and each result is told in a line.
        parallel: How to run several cells at the same time; none runs one after the other in this process.

    Returns:
        One outcome a cell, in the order of the cells.
    """
    before = {cell: _written_at(cell, workdir) for cell in cells}
    with progress_bar(console) as progress:
        if parallel is None:
            stream = _run_one_by_one(cells, experiment, workdir, progress)
        else:
            stream = _run_parallel(cells, parallel, workdir, progress)
        outcomes = {}
        with contextlib.closing(stream):  # Whatever ends this loop ends the processes behind it.
            for outcome in stream:
                outcomes[outcome.cell] = outcome
                line = _describe(outcome, before[outcome.cell], _written_at(outcome.cell, workdir))
                # A traceback may hold what rich would take for markup.
                console.print(line, soft_wrap=True, markup=False, highlight=False)
    return [outcomes[cell] for cell in cells]


def require_all(outcomes: Sequence[Outcome]) -> None:
    """Raises `InputError` with the list of the cells that failed, if any did."""
    failures = [f"{outcome.cell.name}: {outcome.failure}" for outcome in outcomes if outcome.failure]
    if failures:
        raise InputError(f"{len(failures)} of {len(outcomes)} runs failed:\n" + "\n".join(failures))


@without_autograph  # Also where it is a process's only call.
def run_safely(
    cell: Cell, make_experiment: Callable[[], Experiment], workdir: Path, on_step: OnStep = lambda: None
) -> Outcome:
    """Runs one cell; what goes wrong becomes part of the outcome, a defect of the project with its traceback."""
    try:
        with told_if_not_written(cell.directory(workdir)):
            return Outcome(cell, CellRun(cell, make_experiment(), workdir).run(on_step), None)
    except InputError as error:
        return Outcome(cell, None, str(error))
    except Exception as error:
        return Outcome(cell, None, OUT_OF_MEMORY if is_out_of_memory(error) else traceback.format_exc())


def _run_one_by_one(cells: Sequence[Cell], experiment: Experiment, workdir: Path, progress: Progress) -> Outcomes:
    steps = {cell: steps_of_cell(cell, experiment.split, experiment.config).per_run for cell in cells}
    overall = progress.add_task("all runs", total=sum(steps.values()))
    for cell in cells:
        before = progress.tasks[0].completed
        task = progress.add_task(cell.name, total=steps[cell])

        def on_step(task: Any = task) -> None:
            progress.advance(task)
            progress.advance(overall)

        yield run_safely(cell, lambda: experiment, workdir, on_step)
        progress.remove_task(task)
        progress.update(overall, completed=before + steps[cell])


def _run_parallel(cells: Sequence[Cell], parallel: Parallel, workdir: Path, progress: Progress) -> Outcomes:
    overall = progress.add_task("all runs", total=len(cells))
    calls = {cell: functools.partial(run_safely, cell, parallel.recipe.make, workdir) for cell in cells}
    with contextlib.closing(run_in_processes(calls, parallel.num_jobs)) as results:
        for cell, outcome in results:
            progress.advance(overall)
            yield outcome or Outcome(cell, None, PROCESS_DIED)


def _written_at(cell: Cell, workdir: Path) -> int | None:
    """When a run's record was written, in nanoseconds; none where there is none."""
    path = cell.directory(workdir) / RECORD_NAME
    return path.stat().st_mtime_ns if path.exists() else None


def _describe(outcome: Outcome, before: int | None, now: int | None) -> str:
    if outcome.record is None:
        return f"{outcome.cell.name}: failed. {outcome.failure}"
    verb = "finished" if before is None else "already finished" if before == now else "predicted anew"
    accuracy, nll = outcome.record["accuracy"], outcome.record["nll"]
    passes = "" if outcome.record["num_draws"] == 1 else f", {_passes(outcome.record)} an answer"
    return f"{outcome.cell.name}: {verb}, test accuracy {accuracy:.3f}, NLL {nll:.3f}{passes}"


def _passes(record: Record) -> str:
    """How many passes each network answers with, so that who asked for few sees where there are more."""
    number = "1 pass" if record["num_samples"] == 1 else f"{record['num_samples']} passes"
    return f"{number} by {record.get('prediction_method', MONTE_CARLO).replace('_', ' ')}"
