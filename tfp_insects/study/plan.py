"""What a command would do, without doing it."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.data.split import Split
from tfp_insects.errors import InputError
from tfp_insects.models.method_table import find_method
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.work import SECONDS, Part
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.identity import first_difference, predicted_with
from tfp_insects.runs.layout import CONFIG_NAME, HISTORY_NAME, MEMBER_NAME, WEIGHT_POSTERIOR_NAME, WEIGHTS_PATH
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.steps import steps_of_run
from tfp_insects.study.work import COLLECTING, READING, TRAINING, TRAINING_PHASES, VALIDATING, sizes_of, work_of_run
from tfp_insects.training.history import read_history

MINUTE = 60.0


def work_left(
    keys: Sequence[RunKey], split: Split, config: RunConfig, workdir: Path, num_unknown: int = 0, num_opened: int = 0
) -> dict[RunKey, list[Part]]:
    """What is left to do of each run; nothing of one that is finished.

    Args:
        keys: The runs.
        split: Of the experiment.
        config: Of the experiment.
        workdir: Where their directories are.
        num_unknown: Out-of-distribution images.
        num_opened: Images that the process of a run verifies before, where each has its own.
    """
    found = {}
    for key in keys:
        parts = work_of_run(key, split, config, num_unknown, num_opened)
        if (key.directory(workdir) / WEIGHT_POSTERIOR_NAME).exists():
            parts = [part for part in parts if part.phase != COLLECTING]
        with contextlib.suppress(InputError):  # Of a damaged run, which says so itself when its turn comes.
            share = _share_to_train(key, keys, config, workdir)
            is_done = _is_finished_as_asked(Run(key.directory(workdir)), config, num_unknown)
            parts = [] if is_done else _parts_left(parts, share, sum(sizes_of(split.of_fold(key.fold), num_unknown)))
        found[key] = parts
    return found


def print_plan(
    work: Mapping[RunKey, Sequence[Part]],
    split: Split,
    config: RunConfig,
    workdir: Path,
    costs: Costs,
    console: Console,
    num_jobs: int = 1,
    pretraining: Sequence[Part] = (),
) -> None:
    """Prints each run with its state and an estimate of its time, that of training and that of answering apart.

    Args:
        work: What is left of each run, see `work_left`.
        split: Of the experiment.
        config: Of the experiment.
        workdir: Where the runs are.
        costs: What this machine takes for it.
        console: Where it is printed.
        num_jobs: Runs at the same time.
        pretraining: What is to be done before.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("run", "state", "steps", "train min", "answer min", "whole min"):
        table.add_column(heading, justify="left" if heading in ("run", "state") else "right")
    totals = [0.0, 0.0]
    for key, parts in work.items():
        minutes = [_minutes(some, costs) for some in _apart(parts)]
        totals = [total + (one or 0.0) for total, one in zip(totals, minutes, strict=True)]
        state, steps = _state(Run(key.directory(workdir)), parts, config), steps_of_run(key, split, config).per_run
        whole = None if None in minutes else sum(one or 0.0 for one in minutes)
        table.add_row(key.name, state, str(steps), *map(_words, (*minutes, whole)))
    console.print(table)
    before = _minutes(pretraining, costs)
    if pretraining:
        console.print(f"Before the first run, weights are pretrained on drawn classes: {_words(before)} minutes.")
    is_unknown = before is None or any(_minutes(parts, costs) is None for parts in work.values())
    more = " and what is marked ?, of which this machine has not done any yet" if is_unknown else ""
    at_once = "" if num_jobs == 1 else f", {num_jobs} runs at a time: about {sum(totals) / num_jobs:.1f} on the clock"
    console.print(
        f"Left to do: about {sum(totals):.1f} minutes{more}, of them {totals[0]:.1f} to train and {totals[1]:.1f} to "
        f"answer the images and to write the results{at_once}.",
        soft_wrap=True,
    )


def is_known(parts: Sequence[Part], costs: Costs) -> bool:
    """Whether all of some work, or work like it, was done on this machine before."""
    return _minutes(parts, costs) is not None


def _apart(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Training and the rest; reading belongs to the rest where there is nothing to train."""
    trains = any(part.phase == TRAINING and part.units for part in parts)
    phases = TRAINING_PHASES if trains else TRAINING_PHASES - {READING}
    training = [part for part in parts if part.phase in phases]
    return training, [part for part in parts if part not in training]


def _minutes(parts: Sequence[Part], costs: Costs) -> float | None:
    """Minutes of some work; none where this machine has done none of it yet."""
    total = 0.0
    for part in parts:
        for key, units, guess in ((part.key, part.units, part.guess), (part.start_key, 1.0, part.start_guess)):
            if key and part.units:
                seconds = costs.seconds(key, guess, 1.0 if part.pace == SECONDS else None)
                if seconds is None:
                    return None
                total += units * seconds
    return total / MINUTE


def _words(minutes: float | None) -> str:
    return "?" if minutes is None else f"{minutes:.1f}"


def _parts_left(parts: Sequence[Part], share: float, num_answered: int) -> list[Part]:
    """The parts of a run of which a share is to be trained; of one that is trained, what comes after."""
    if share == 0.0:
        answering = [part for part in parts if part.phase not in TRAINING_PHASES - {READING, COLLECTING}]
        return [part._replace(units=num_answered) if part.phase == READING else part for part in answering]
    return [part._replace(units=part.units * share) if part.phase in (TRAINING, VALIDATING) else part for part in parts]


def _is_finished_as_asked(run: Run, config: RunConfig, num_unknown: int) -> bool:
    if not run.is_finished:
        return False
    if num_unknown and run.record.get("num_ood_examples") != num_unknown:
        return False
    return first_difference(predicted_with(run.config), predicted_with({"config": config.to_plain()})) is None


def _share_to_train(key: RunKey, keys: Sequence[RunKey], config: RunConfig, workdir: Path) -> float:
    """The share of a run's epochs, of all its networks, that is to be trained."""
    directory, method = key.directory(workdir), find_method(key.model)
    donor = None if method.trains_like is None else dataclasses.replace(key, model=method.trains_like)
    if donor is not None and (donor in keys or (donor.directory(workdir) / WEIGHTS_PATH).exists()):
        return 0.0  # It is taken over from the other run.
    seeds = method.member_seeds(config, seed=0)
    of_members = [directory] if len(seeds) == 1 else [directory / MEMBER_NAME.format(i) for i in range(len(seeds))]
    done = sum(_num_epochs(one, config) for one in of_members)
    return max(0.0, 1.0 - done / (config.training.epochs * len(seeds)))


def _num_epochs(directory: Path, config: RunConfig) -> int:
    """Epochs of a network that are done, all where it is trained."""
    if (directory / WEIGHTS_PATH).exists():
        return config.training.epochs
    path = directory / HISTORY_NAME
    return len(read_history(path)) if path.exists() else 0


def _state(run: Run, parts: Sequence[Part], config: RunConfig) -> str:
    """Words for the state of a run, of which these parts are left."""
    if not (run.directory / CONFIG_NAME).exists():
        return "to do"
    if run.is_finished:
        return "trained, to predict anew" if parts else "finished"
    return f"broken off after epoch {len(run.history)} of {config.training.epochs}"
