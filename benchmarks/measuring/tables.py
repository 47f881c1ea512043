"""Measurements as a table on the terminal, and as JSON."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from measuring.configuration import Configuration
from measuring.processes import Measurement, measure_in_turns
from tfp_insects.errors import InputError
from tfp_insects.files import written_whole


def ratio(measurement: Measurement, baseline: Measurement) -> float:
    """Median over rounds of the time of one run over the baseline's in the same round."""
    rounds = zip(measurement.milliseconds, baseline.milliseconds, strict=True)
    return statistics.median(mine / other for mine, other in rounds)


def to_record(measurement: Measurement) -> dict[str, Any]:
    """One object of the JSON list: times are medians over rounds."""
    configuration = measurement.configuration
    milliseconds = statistics.median(measurement.milliseconds)
    return {
        "model": configuration.model,
        "mode": configuration.mode,
        "dtype": configuration.dtype,
        "batch_size": configuration.batch_size,
        "milliseconds": round(milliseconds, 3),
        "images_per_second": round(1e3 * measurement.num_images / milliseconds, 3),
        "peak_megabytes": round(measurement.peak_megabytes, 1),
    }


def require_writable(path: str | None) -> Path | None:
    """Reads the flag `--json`, and tells before anything runs that the file cannot be written.

    Raises:
        InputError: Its folder is not there, or not to be written to, or the path is a folder.
    """
    if path is None:
        return None
    file = Path(path).expanduser()
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise InputError(f"--json={path}: cannot be written; give the path of a file in a folder that is there")
    return file


def write_records(records: Sequence[Mapping[str, Any]], path: Path | None) -> None:
    """Writes the JSON list, if it was asked for."""
    if path is not None:
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(list(records), indent=2, allow_nan=False) + "\n")


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    """Prints numbers to the right, the first column to the left."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def text_of(number: float) -> str:
    """Three digits or so."""
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def measure_with_progress(
    configurations: Sequence[Configuration], repeats: int, description: str, console: Console
) -> list[Measurement]:
    """`measure_in_turns` with a progress bar on a terminal."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=len(configurations) * (repeats + 1))
        return measure_in_turns(configurations, repeats, lambda: progress.advance(task))
