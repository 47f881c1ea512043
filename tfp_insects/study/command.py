"""What `scripts/run.py` does: from the user's words to records, table and pictures."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.files import require_writable
from tfp_insects.study.cells import make_cells
from tfp_insects.study.experiment import make_experiment, open_images
from tfp_insects.study.grid import compare, run_grid

ConfigFor = Callable[[bool], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Command:
    """What the user asked for, as in the flags of `scripts/run.py`.

    Attributes:
        models: Names of models.
        sizes: Numbers of training images of each class, as given.
        seeds: Seeds, as given.
        data: `auto`, `insect_detect`, `synthetic` or a path.
        weights: `auto`, `imagenet`, `none` or a path.
        workdir: Where runs are written.
        cache_dir: Where drawn images and weights are kept.
        data_dir: Where TFDS keeps prepared data; none for its own default.
    """

    models: Sequence[str]
    sizes: Sequence[str]
    seeds: Sequence[str]
    data: str
    weights: str
    workdir: Path
    cache_dir: Path
    data_dir: Path | None = None


def run_command(command: Command, config_for: ConfigFor) -> None:
    """Runs all cells that the command names and compares them.

    Args:
        command: What the user asked for.
        config_for: Gives the plain configuration for drawn (true) or other images (false).

    Raises:
        InputError: Something that the user gave cannot be used; the message names it.
    """
    console = Console()
    sizes = _numbers("n_per_class", command.sizes)
    cells = make_cells(list(command.models), sizes, _numbers("seeds", command.seeds))
    require_writable(command.workdir)
    # Which configuration counts depends on the images, and how they are read on a part that both have alike.
    source = open_images(command.data, sizes, config_for(False)["data"], command.cache_dir, command.data_dir)
    if source.drawn:
        console.print("Data: drawn insects, not photographs. Give --data=PATH for a zip or folder of class folders.")
    else:
        console.print(f"Data: {source.name}, {len(source.labels)} images in {len(source.class_names)} classes.")
    experiment = make_experiment(
        source, command.weights, sizes, config_for(source.drawn), command.cache_dir, console.print
    )
    compare(run_grid(cells, experiment, command.workdir, console), command.workdir, console)


def _numbers(flag: str, words: Sequence[str]) -> list[int]:
    try:
        numbers = [int(word) for word in words]
    except ValueError as error:
        raise InputError(f"--{flag}={','.join(words)}: expected numbers separated by commas") from error
    if not numbers:
        raise InputError(f"--{flag}: expected at least one number")
    return numbers
