"""The grid of runs: each is made, resumed or skipped, and one that fails does not stop the others."""

import contextlib
import functools
import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from tfp_insects.data.split import Split
from tfp_insects.errors import InputError
from tfp_insects.files import told_if_not_written
from tfp_insects.interruption import raise_if_interrupted
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import Display
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import OnWork, ignore_work
from tfp_insects.runs.config import MONTE_CARLO, RunConfig
from tfp_insects.runs.guessing import guessing_nll, is_no_better_than_guessing
from tfp_insects.runs.layout import RECORD_NAME
from tfp_insects.runs.lock import wait_until_free
from tfp_insects.runs.run_key import RunKey
from tfp_insects.startup import is_out_of_memory, without_autograph
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.plan import work_left
from tfp_insects.study.processes import run_in_processes
from tfp_insects.study.recipe import Recipe
from tfp_insects.study.run_one import OneRun
from tfp_insects.training.replicas import WorkersApartError

Record = dict[str, Any]
ALL_RUNS = "all runs"
PROCESS_DIED = (
    "its process ended without a word, as the system ends one when memory runs out. Give the same command again with fewer "
    "runs at the same time; this one goes on where it was"
)
OUT_OF_MEMORY = (
    "memory ran out. Give the same command again with fewer runs at the same time, or lower training.batch_size, "
    "prediction.batch_size, model.image_size or model.width_multiplier"
)


class Outcome(NamedTuple):
    """What became of a run: its record, or what went wrong."""

    key: RunKey
    record: Record | None
    failure: str | None


Outcomes = Generator[Outcome, None, None]


def run_grid(
    keys: Sequence[RunKey],
    experiment: Experiment,
    workdir: Path,
    console: Console,
    parallel: Parallel | None = None,
    display: Display | None = None,
) -> list[Outcome]:
    """Does all runs that are not finished.

    Args:
        keys: What to run, in this order.
        experiment: What they share.
        workdir: Where their directories go.
        console: Where each result is told in a line.
        parallel: How to do several runs at the same time; none does one after the other in this process.
        display: Where progress is shown; it knows the runs already, see `plan_runs`. One of its own if none is given.

    Returns:
        One outcome a run, in the order of the keys.
    """
    if display is None:
        display = Display(Meter(Costs(), num_jobs=parallel.num_jobs if parallel else 1), console, ALL_RUNS)
        plan_runs(display, keys, experiment.split, experiment.config, workdir)
        with display.opened():
            return run_grid(keys, experiment, workdir, console, parallel, display)
    before = {key: written_at(key, workdir) for key in keys}
    if parallel is None:
        stream = _run_one_by_one(keys, experiment, workdir, display)
    else:
        stream = _run_parallel(keys, parallel, workdir, display)
    outcomes = {}
    with contextlib.closing(stream):  # Whatever ends this loop ends the processes behind it.
        for outcome in stream:
            outcomes[outcome.key] = outcome
            tell_outcome(outcome, before[outcome.key], workdir, console)
    return [outcomes[key] for key in keys]


def plan_runs(
    display: Display,
    keys: Sequence[RunKey],
    split: Split,
    config: RunConfig,
    workdir: Path,
    num_unknown: int = 0,
    num_opened: int = 0,
) -> None:
    """Makes what is left of the runs known to a display; the arguments are those of `work_left`."""
    for key, parts in work_left(keys, split, config, workdir, num_unknown, num_opened).items():
        display.meter.plan(key.name, parts, is_alone=False)


def require_all(outcomes: Sequence[Outcome]) -> None:
    """Raises `InputError` with the list of the runs that failed, if any did."""
    failures = [f"{outcome.key.name}: {outcome.failure}" for outcome in outcomes if outcome.failure]
    if failures:
        raise InputError(f"{len(failures)} of {len(outcomes)} runs failed:\n" + "\n".join(failures))


@without_autograph  # Also where it is a process's only call.
def run_safely(
    key: RunKey, make_experiment: Callable[[], Experiment], workdir: Path, on_work: OnWork = ignore_work
) -> Outcome:
    """Does one run; what goes wrong becomes part of the outcome, a defect of the project with its traceback.

    Raises:
        WorkersApartError: A process that trains along is gone.
        Interrupted: A signal asked the process to end, even if a library made another error of it.
    """
    try:
        with told_if_not_written(key.directory(workdir)):
            return Outcome(key, OneRun(key, make_experiment(), workdir, on_work).run(), None)
    except WorkersApartError:  # No other run can be trained either.
        raise
    except InputError as error:
        return Outcome(key, None, str(error))
    except Exception as error:
        raise_if_interrupted(error)
        return Outcome(key, None, OUT_OF_MEMORY if is_out_of_memory(error) else traceback.format_exc())


def run_telling(
    recipe: Recipe,
    workdir: Path,
    patience: float,
    key: RunKey,
    tell: Callable[[tuple[str, float, float]], object],
) -> Outcome:
    """Does one run in a process of its own.

    Args:
        recipe: From which its experiment is made.
        workdir: Where its directory goes.
        patience: Seconds to wait for its directory, where that is in use.
        key: Which run.
        tell: Called with phase, units and size of the phase of all work that is done.
    """

    def on_work(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        tell((phase, units, of))

    wait_until_free(key.directory(workdir), patience)
    return run_safely(key, functools.partial(recipe.make, on_work), workdir, on_work)


def _run_one_by_one(keys: Sequence[RunKey], experiment: Experiment, workdir: Path, display: Display) -> Outcomes:
    for key in keys:
        with display.working(key.name) as on_work, _ended_for_all(experiment):
            outcome = run_safely(key, lambda: experiment, workdir, on_work)
        yield outcome


def _ended_for_all(experiment: Experiment) -> contextlib.AbstractContextManager[None]:
    """Tells processes that train along of the end of a run."""
    return contextlib.nullcontext() if experiment.replicas is None else experiment.replicas.ended_for_all()


def _run_parallel(keys: Sequence[RunKey], parallel: Parallel, workdir: Path, display: Display) -> Outcomes:
    call = functools.partial(run_telling, parallel.recipe, workdir, parallel.patience)
    engine = parallel.engine or functools.partial(_in_processes, num_jobs=parallel.num_jobs)

    def on_message(key: RunKey, word: tuple[str, float, float]) -> None:
        phase, units, of = word
        display.teller(key.name)(phase, units, of=of)

    results = engine(keys, call, lambda key: display.start(key.name), on_message)
    with contextlib.closing(results):
        for key, outcome in results:
            display.end(key.name)
            yield outcome or Outcome(key, None, PROCESS_DIED)


def _in_processes(
    keys: Sequence[RunKey],
    call: Callable[[RunKey, Callable[[Any], object]], Outcome],
    on_start: Callable[[RunKey], object],
    on_message: Callable[[RunKey, Any], object],
    num_jobs: int,
) -> Generator[tuple[RunKey, Outcome | None], None, None]:
    """The engine of this machine: processes of its own."""
    calls = {key: functools.partial(call, key) for key in keys}
    return run_in_processes(calls, num_jobs, on_start=on_start, on_message=on_message)


def tell_outcome(outcome: Outcome, before: int | None, workdir: Path, console: Console) -> None:
    """Tells a result in a line; `before` is `written_at` of before it was made."""
    line = _describe(outcome, before, written_at(outcome.key, workdir))
    # A traceback may hold what rich would take for markup.
    console.print(line, soft_wrap=True, markup=False, highlight=False)


def written_at(key: RunKey, workdir: Path) -> int | None:
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
