"""What `run` does: from the user's words to records, table and pictures."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from tfp_insects.cli.command import LOCAL, RAY, Command
from tfp_insects.cli.config_errors import error_of_field
from tfp_insects.cli.numbers import parse_numbers
from tfp_insects.compare.layers import layer_words
from tfp_insects.compare.record_table import print_table, write_comparison
from tfp_insects.data.source import ImageSource
from tfp_insects.data.split import Split
from tfp_insects.errors import InputError
from tfp_insects.files import require_writable
from tfp_insects.plain import FieldError
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import Display
from tfp_insects.progress.memory import kept_costs
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import SECONDS, Part
from tfp_insects.ray_cluster import connected
from tfp_insects.report.accuracy_curves import plot_accuracy_curves
from tfp_insects.report.page import write_report
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import RunKey, make_run_keys
from tfp_insects.study.experiment import Experiment, make_experiment, open_images, open_ood_images, split_images
from tfp_insects.study.following import follow_runs, require_agreement
from tfp_insects.study.grid import ALL_RUNS, Outcome, plan_runs, require_all, run_grid
from tfp_insects.study.limits import require_within_limits
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.plan import print_plan, work_left
from tfp_insects.study.pooling import pool_all, require_room_for_pooled
from tfp_insects.study.pretraining import pretraining_work, require_readable_weights, will_be_pretrained
from tfp_insects.study.probing import probe
from tfp_insects.study.ray_engine import PATIENCE_SECONDS, RayEngine
from tfp_insects.study.recipe import Recipe, known_of
from tfp_insects.study.work import REPORT, REPORT_SECONDS, WRITE_SECONDS, WRITING, machine
from tfp_insects.training.replicas import END, READY, Replicas, choose_here, make_replicas, told_if_apart

ConfigFor = Callable[[bool], Mapping[str, Any]]
Say = Callable[[str], object]
WAITS = ("waits for the others.", "waits for the others. What is done, the first says.")
IMAGES, WEIGHTS, POOLING = "images", "weights", "all folds"


class Images(NamedTuple):
    """The images of the classes to learn, those of other things if any, and the configuration that belongs to them."""

    source: ImageSource
    ood: ImageSource | None
    config: RunConfig


def run_command(command: Command, config_for: ConfigFor, console: Console | None = None) -> None:
    """Does all runs that the command names and compares them.

    Of several processes that train together, the first does so, and the others train along.

    Args:
        command: What the user asked for.
        config_for: Gives the plain configuration for drawn (true) or other images (false).
        console: Where it says what it does; the terminal if none is given.

    Raises:
        InputError: Something that the user gave cannot be used; the message names it.
    """
    console = console or Console()
    say = functools.partial(console.print, soft_wrap=True, markup=False, highlight=False)
    sizes = parse_numbers("n_per_class", command.sizes)
    seeds = parse_numbers("seeds", command.seeds)
    make_run_keys(list(command.models), sizes, seeds)  # What cannot be run is refused before images are read.
    choice = choose_here(command.strategy_here(), command.num_jobs)
    cluster = choice.cluster
    if cluster is not None and not command.dry_run:
        say(f"Worker {cluster.number + 1} of {len(cluster.addresses)}: {WAITS[min(cluster.number, 1)]}")
    replicas = None if command.dry_run else make_replicas(choice)
    with told_if_apart(replicas):
        if cluster is not None and cluster.number > 0:
            if replicas is not None:
                _follow(command, sizes, seeds, config_for, replicas, say)
            return
        with contextlib.nullcontext() if replicas is None else replicas.ended_for_all():
            outcomes = _lead(command, sizes, seeds, config_for, replicas, console)
    require_all(outcomes)


def _lead(
    command: Command,
    sizes: list[int],
    seeds: list[int],
    config_for: ConfigFor,
    replicas: Replicas | None,
    console: Console,
) -> list[Outcome]:
    """Does what the command says, in the one process that there is or in the first of several."""
    say = functools.partial(console.print, soft_wrap=True, markup=False, highlight=False)
    require_writable(command.workdir)
    num_replicas = 1 if replicas is None else replicas.num_replicas
    with contextlib.ExitStack() as stack:
        engine = None
        if command.engine == RAY and not command.dry_run:
            command = command.for_any_machine()
            engine = RayEngine(stack.enter_context(connected(command.ray_address)), command.num_jobs)
        num_jobs = command.num_jobs if engine is None else engine.num_at_once
        costs = stack.enter_context(kept_costs(command.cache_dir, machine(command.num_jobs, num_replicas)))
        display = Display(Meter(costs, num_jobs), console, ALL_RUNS)
        display.meter.is_planned = command.dry_run
        with display.opened():
            images = _open(command, sizes, config_for, display, say)
            keys = make_run_keys(list(command.models), sizes, seeds, images.config.data.folds)
            require_room_for_pooled(keys, images.config.data.folds, command.workdir)
            outcomes = [] if command.dry_run else _run(command, keys, sizes, images, replicas, display, console, engine)
        if command.dry_run:
            _tell_plan(command, keys, sizes, images, costs, console)
    return outcomes


def _follow(
    command: Command,
    sizes: list[int],
    seeds: list[int],
    config_for: ConfigFor,
    replicas: Replicas,
    say: Say,
) -> None:
    """Trains along with the first of several processes, once that one has opened the images and found the weights."""
    if replicas.heard() == END:
        say("The first worker could not begin.")
        return
    quiet = Console(quiet=True)
    source, ood, config = _open(command, sizes, config_for, Display(Meter(Costs(), 1), quiet, ALL_RUNS), quiet.print)
    keys = make_run_keys(list(command.models), sizes, seeds, config.data.folds)
    experiment = make_experiment(source, command.weights, sizes, config, command.cache_dir, quiet.print, ood)
    experiment = dataclasses.replace(experiment, replicas=replicas)
    require_agreement(keys, experiment, replicas)
    follow_runs(keys, experiment, replicas, command.cache_dir)
    replicas.heard()  # The end of all: the first needs nobody any more.


def _open(command: Command, sizes: Sequence[int], config_for: ConfigFor, display: Display, say: Say) -> Images:
    """Opens and verifies all images, and says what they are."""
    display.meter.plan(IMAGES, [])
    with display.working(IMAGES) as on_work:
        # Which configuration counts depends on the images, and how they are read on a part that both have alike.
        data = _typed(config_for(False), command.config_file).data
        source = open_images(command.data, sizes, data, command.cache_dir, command.data_dir, on_work)
        if source.drawn:
            say("Data: drawn insects, not photographs. Give --data=PATH for a zip or folder of class folders.")
        else:
            say(f"Data: {source.name}, {len(source.labels)} images in {len(source.class_names)} classes.")
        for note in source.notes:
            say(note)
        config = _typed(config_for(source.drawn), command.config_file)
        ood = open_ood_images(command.ood_data, config.data, command.cache_dir, on_work)
        for note in ood.notes if ood else ():
            say(f"Images of unknown classes: {note}")
    return Images(source, ood, config)


def _run(
    command: Command,
    keys: Sequence[RunKey],
    sizes: Sequence[int],
    images: Images,
    replicas: Replicas | None,
    display: Display,
    console: Console,
    engine: RayEngine | None,
) -> list[Outcome]:
    """Does the runs, and compares those that are finished."""
    source, ood, config = images
    say = functools.partial(console.print, soft_wrap=True, markup=False, highlight=False)
    if replicas is not None:
        replicas.require_batch_size(config.training.batch_size)
    display.meter.plan(WEIGHTS, pretraining_work(command.weights, source.drawn, config, command.cache_dir))
    _, unknown, split = split_images(source, ood, sizes, config.data, lambda line: None)
    plan_runs(display, keys, split, config, command.workdir, _count(unknown), _num_opened(command, images))
    if split.folds:
        display.meter.plan(POOLING, [_pooling_work(keys, split)])
    display.meter.plan(REPORT, [Part(REPORT, len(keys), REPORT, REPORT_SECONDS, pace=SECONDS)])
    display.meter.is_planned = True
    with display.working(WEIGHTS) as on_work:
        experiment = make_experiment(source, command.weights, sizes, config, command.cache_dir, say, ood, on_work)
        experiment = dataclasses.replace(experiment, replicas=replicas)
    if replicas is not None:
        replicas.tell(READY)
        require_agreement(keys, experiment, replicas)
        say(f"Training: {replicas.name}, {replicas.num_replicas} replicas, {replicas.num_workers} processes.")
    parallel = _parallel(command, sizes, images, experiment, engine)
    outcomes = run_grid(keys, experiment, command.workdir, console, parallel, display)
    compared = outcomes
    if split.folds:
        with display.working(POOLING) as on_work:
            compared = pool_all(outcomes, experiment, command.workdir, console, on_work)
        outcomes = [*outcomes, *compared]
    records = [outcome.record for outcome in compared if outcome.record is not None]
    with display.working(REPORT) as on_work:
        if records:
            compare(records, command.workdir, console, lambda share: on_work(REPORT, share * len(keys)))
    return outcomes


def _parallel(
    command: Command, sizes: Sequence[int], images: Images, experiment: Experiment, engine: RayEngine | None
) -> Parallel | None:
    """How runs are made in processes of their own; none where they are made here."""
    places = (command.cache_dir, command.data_dir, command.ood_data)
    recipe = Recipe(command.data, command.weights, sizes, images.config, *places)
    if engine is None:
        return Parallel(recipe, command.num_jobs) if command.num_jobs > 1 else None
    known = known_of(images.source, images.ood, experiment)
    return Parallel(dataclasses.replace(recipe, known=known), engine.num_at_once, engine, PATIENCE_SECONDS)


def _tell_plan(
    command: Command, keys: Sequence[RunKey], sizes: Sequence[int], images: Images, costs: Costs, console: Console
) -> None:
    """Prints what would be done, and how long it would take."""
    source, ood, config = images
    say = functools.partial(console.print, soft_wrap=True, markup=False, highlight=False)
    require_readable_weights(command.weights, config)
    learnt, unknown, split = split_images(source, ood, sizes, config.data, say)
    num_opened = _num_opened(command, images)
    work = work_left(keys, split, config, command.workdir, _count(unknown), num_opened)
    is_pretrained = will_be_pretrained(command.weights, source.drawn, config)
    probe(work, learnt, split, config, is_pretrained, costs, say)
    pretraining = pretraining_work(command.weights, source.drawn, config, command.cache_dir)
    print_plan(work, split, config, command.workdir, costs, console, command.num_jobs, pretraining)


def _pooling_work(keys: Sequence[RunKey], split: Split) -> Part:
    """What is written once the folds are done."""
    num_pooled = len({key.pooled for key in keys})
    return Part(WRITING, num_pooled * len(split.test), WRITING, WRITE_SECONDS, pace=SECONDS)


def _num_opened(command: Command, images: Images) -> int:
    """Images that each run verifies in a process of its own."""
    return _count(images.source) + _count(images.ood) if command.num_jobs > 1 and command.engine == LOCAL else 0


def _count(source: ImageSource | None) -> int:
    return 0 if source is None else len(source.example_ids)


def _typed(plain: Mapping[str, Any], config_file: Path | None) -> RunConfig:
    require_within_limits(plain)
    try:
        return RunConfig.from_plain(plain)
    except FieldError as error:
        raise error if config_file is None else error_of_field(config_file, error) from error


def compare(
    records: Sequence[dict[str, Any]],
    workdir: Path,
    console: Console,
    on_share: Callable[[float], object] = lambda share: None,
) -> None:
    """Prints the table, and writes `comparison.csv`, one picture a model and the report into the work directory."""
    print_table(records, console)
    for line in dict.fromkeys(
        f"{record['model']}, {record['architecture']}: {words}." for record in records if (words := layer_words(record))
    ):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    write_comparison(records, workdir / "comparison.csv")
    for path in plot_accuracy_curves(records, workdir):
        console.print(f"Picture: {path}", soft_wrap=True, markup=False, highlight=False)
    try:
        write_report(workdir, console, on_share=on_share)
    except InputError as error:  # Older runs in the same directory may not be comparable; these runs are finished.
        console.print(f"No report: {error}", soft_wrap=True, markup=False, highlight=False)
