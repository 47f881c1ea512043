"""What a command would do, without doing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.data.split import Split
from tfp_insects.files import read_json
from tfp_insects.runs.cells import CONFIG_NAME, RECORD_NAME, Cell, is_finished
from tfp_insects.study.member import HISTORY_NAME
from tfp_insects.study.steps import steps_of_cell
from tfp_insects.training.history import read_history


def print_plan(cells: Sequence[Cell], split: Split, config: Mapping[str, Any], workdir: Path, console: Console) -> None:
    """Prints each cell with its state and an estimate of its training time.

    The estimate takes the time of a training image from the finished cells of the same model in the same work directory:
    the median over them.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("cell", "state", "steps", "minutes"):
        table.add_column(heading, justify="left" if heading in ("cell", "state") else "right")
    total, unknown = 0.0, False
    for cell in cells:
        steps = steps_of_cell(cell, split, config)
        state, share_left = _state(cell.directory(workdir), config["training"]["epochs"])
        minutes = _minutes(cell, steps.per_run * share_left * steps.batch_size, workdir)
        unknown |= minutes is None
        total += minutes or 0.0
        table.add_row(cell.name, state, str(steps.per_run), "?" if minutes is None else f"{minutes:.1f}")
    console.print(table)
    more = " and what is marked ?, for which no cell of that model has run here yet" if unknown else ""
    console.print(f"Left to train: about {total:.1f} minutes{more}.")


def _state(directory: Path, epochs: int) -> tuple[str, float]:
    """Words for a cell's state, and the share of its training that is left."""
    if is_finished(directory):
        return "finished", 0.0
    if not (directory / CONFIG_NAME).exists():
        return "to do", 1.0
    history = directory / HISTORY_NAME
    done = len(read_history(history)) if history.exists() else 0
    return f"broken off after epoch {done} of {epochs}", 1.0 - done / epochs


def _minutes(cell: Cell, num_images: float, workdir: Path) -> float | None:
    """Minutes to train on so many images, each counted as often as it is seen; None where no cell tells."""
    if num_images == 0:
        return 0.0
    records = [read_json(path) for path in workdir.glob(f"{cell.model}-n*-seed*/{RECORD_NAME}")]
    seconds = [record["seconds_per_step"] / record["batch_size"] for record in records]
    return float(np.median(seconds)) * num_images / 60.0 if seconds else None
