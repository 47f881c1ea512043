"""The grid of cells: run them, then show them side by side."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tfp_insects.study.cells import Cell, is_finished
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.plots import plot_accuracy_curves
from tfp_insects.study.run_cell import CellRun
from tfp_insects.study.table import print_table, write_comparison


def run_grid(cells: Sequence[Cell], experiment: Experiment, workdir: Path, console: Console) -> list[dict[str, Any]]:
    """Runs all cells that are not finished and returns all records, in the order of the cells."""
    records = []
    with _progress(console) as progress:
        overall = progress.add_task("All cells", total=len(cells), completed=0)
        for cell in cells:
            was_finished = is_finished(cell.directory(workdir))
            run = CellRun(cell, experiment, workdir)
            task = progress.add_task(cell.name, total=run.num_steps, visible=not was_finished)
            record = run.run(on_step=functools.partial(progress.advance, task))
            progress.remove_task(task)
            progress.advance(overall)
            records.append(record)
            verb = "already finished" if was_finished else "finished"
            console.print(f"{cell.name}: {verb}, test accuracy {record['accuracy']:.3f}, NLL {record['nll']:.3f}")
    return records


def compare(records: Sequence[dict[str, Any]], workdir: Path, console: Console) -> None:
    """Prints the table, and writes `comparison.csv` and one picture a model into the work directory."""
    print_table(records, console)
    write_comparison(records, workdir / "comparison.csv")
    for path in plot_accuracy_curves(records, workdir):
        console.print(f"Picture: {path}")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
