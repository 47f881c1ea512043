"""What `run` does: from the user's words to records, table and pictures."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfp_insects.cli.config_errors import error_of_field
from tfp_insects.cli.numbers import parse_numbers
from tfp_insects.compare.layers import layer_words
from tfp_insects.compare.record_table import print_table, write_comparison
from tfp_insects.errors import InputError
from tfp_insects.files import require_writable
from tfp_insects.plain import FieldError
from tfp_insects.report.accuracy_curves import plot_accuracy_curves
from tfp_insects.report.page import write_report
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.run_key import make_run_keys
from tfp_insects.study.experiment import Recipe, make_experiment, open_images, open_ood_images, split_images
from tfp_insects.study.grid import require_all, run_grid
from tfp_insects.study.limits import require_within_limits
from tfp_insects.study.parallel import Parallel
from tfp_insects.study.plan import print_plan
from tfp_insects.study.pretraining import require_readable_weights

ConfigFor = Callable[[bool], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Command:
    """What the user asked for, as in the flags of `cli/commands/run.py`.

    Attributes:
        models: Names of models.
        sizes: Numbers of training images of each class, as given.
        seeds: Seeds, as given.
        data: `auto`, `insect_detect`, `synthetic` or a path.
        weights: `auto`, `imagenet`, `none` or a path.
        workdir: Where runs are written.
        cache_dir: Where drawn images and weights are kept.
        data_dir: Where TFDS keeps prepared data; none for its own default.
        ood_data: Path of images of other things, or empty.
        num_jobs: Runs at the same time.
        dry_run: Whether to say what would be done instead of doing it.
        config_file: Where the configuration is from, for errors.
    """

    models: Sequence[str]
    sizes: Sequence[str]
    seeds: Sequence[str]
    data: str
    weights: str
    workdir: Path
    cache_dir: Path
    data_dir: Path | None = None
    ood_data: str = ""
    num_jobs: int = 1
    dry_run: bool = False
    config_file: Path | None = None


def run_command(command: Command, config_for: ConfigFor, console: Console | None = None) -> None:
    """Does all runs that the command names and compares them.

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
    keys = make_run_keys(list(command.models), sizes, parse_numbers("seeds", command.seeds))
    require_writable(command.workdir)
    # Which configuration counts depends on the images, and how they are read on a part that both have alike.
    source = open_images(
        command.data, sizes, _typed(config_for(False), command.config_file).data, command.cache_dir, command.data_dir
    )
    if source.drawn:
        say("Data: drawn insects, not photographs. Give --data=PATH for a zip or folder of class folders.")
    else:
        say(f"Data: {source.name}, {len(source.labels)} images in {len(source.class_names)} classes.")
    for note in source.notes:
        say(note)
    config = _typed(config_for(source.drawn), command.config_file)
    ood = open_ood_images(command.ood_data, config.data, command.cache_dir)
    for note in ood.notes if ood else ():
        say(f"Images of unknown classes: {note}")
    if command.dry_run:
        require_readable_weights(command.weights, config)
        split = split_images(source, ood, sizes, config.data, say)[-1]
        print_plan(keys, split, config, command.workdir, console)
        return
    experiment = make_experiment(source, command.weights, sizes, config, command.cache_dir, say, ood)
    recipe = Recipe(command.data, command.weights, sizes, config, command.cache_dir, command.data_dir, command.ood_data)
    parallel = Parallel(recipe, command.num_jobs) if command.num_jobs > 1 else None
    outcomes = run_grid(keys, experiment, command.workdir, console, parallel)
    records = [outcome.record for outcome in outcomes if outcome.record is not None]
    if records:
        compare(records, command.workdir, console)
    require_all(outcomes)


def _typed(plain: Mapping[str, Any], config_file: Path | None) -> RunConfig:
    require_within_limits(plain)
    try:
        return RunConfig.from_plain(plain)
    except FieldError as error:
        raise error if config_file is None else error_of_field(config_file, error) from error


def compare(records: Sequence[dict[str, Any]], workdir: Path, console: Console) -> None:
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
        write_report(workdir, console)
    except InputError as error:  # Older runs in the same directory may not be comparable; these runs are finished.
        console.print(f"No report: {error}", soft_wrap=True, markup=False, highlight=False)
