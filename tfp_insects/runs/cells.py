"""A cell of the study's grid: one model, one number of images a class, one seed."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfp_insects.errors import InputError
from tfp_insects.files import read_json, write_json
from tfp_insects.models.method_table import find_method, method_names
from tfp_insects.runs.lock import locked

CONFIG_NAME = "config.json"
RECORD_NAME = "record.json"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        model: A value of `--model`; see `models.methods`.
        n_per_class: Training images of each class.
        seed: Determines the subset, the initial weights, the order and the noise.
    """

    model: str
    n_per_class: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the cell's directory."""
        return f"{self.model}-n{self.n_per_class}-seed{self.seed}"

    def directory(self, workdir: Path) -> Path:
        """Where the cell's files are."""
        return workdir / self.name


def make_cells(models: list[str], sizes: list[int], seeds: list[int]) -> list[Cell]:
    """All combinations, cheapest first.

    Raises:
        InputError: An unknown model, a size below 1, or a negative seed.
    """
    for model in models:
        find_method(model)
    for size in sizes:
        if size < 1:
            raise InputError(f"--n_per_class={size}: expected a number of at least 1, for example 5,10,50")
    for seed in seeds:
        if seed < 0:
            raise InputError(f"--seeds={seed}: expected a number of at least 0")
    unique = {Cell(model, size, seed) for model in models for size in sizes for seed in seeds}
    order = method_names()
    return sorted(unique, key=lambda cell: (cell.n_per_class, order.index(cell.model), cell.seed))


def is_finished(directory: Path) -> bool:
    """Whether the cell's record is complete: it is written last and at once."""
    return (directory / RECORD_NAME).exists()


@contextlib.contextmanager
def claimed_directory(directory: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Makes the cell's directory with its configuration, or checks that what is there is the same run, and holds it.

    Raises:
        InputError: The directory holds a run of another configuration or other data, where the message names the first
            field, or another command is at work in it.
    """
    with locked(directory):
        _require_same_run(directory, json.loads(json.dumps(config)))
        yield


def _require_same_run(directory: Path, wanted: dict[str, Any]) -> None:
    path = directory / CONFIG_NAME
    if not path.exists():
        write_json(path, wanted)
        return
    field = _first_difference(read_json(path), wanted)
    if field is not None:
        name, before, now = field
        raise InputError(
            f"{directory} holds a run whose {name} was {_short(before)}; now it is {_short(now)}. "
            f"Give another --workdir, or remove that directory to run the cell anew"
        )


def _first_difference(before: Any, now: Any, name: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            child = f"{name}.{key}" if name else key
            found = _first_difference(before.get(key), now.get(key), child)
            if found is not None:
                return found
        return None
    return None if before == now else (name, before, now)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
