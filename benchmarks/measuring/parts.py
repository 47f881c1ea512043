"""Forward passes, training steps and predictions of several models, dtypes and batch sizes."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from measuring.configuration import STOCK, Configuration
from measuring.epochs import compare_features, compare_memory
from measuring.processes import Measurement
from measuring.tables import measure_with_progress, print_table, ratio, text_of, to_record

HEADINGS = ("model", "dtype", "ms", "least", "images/s", "peak MB", "x CNN", "x stock")


@dataclasses.dataclass(frozen=True)
class Grid:
    """What is combined with what."""

    models: Sequence[str]
    modes: Sequence[str]
    dtypes: Sequence[str]
    batch_sizes: Sequence[int]


def run_parts(
    grid: Grid, common: Configuration, features: bool, memory: bool, repeats: int, console: Console
) -> list[dict[str, Any]]:
    """Runs the grid, or what is asked for instead; epochs are those of the study's batch size.

    Args:
        grid: What is combined with what; epochs use its dtypes alone.
        common: All fields that the grid does not set.
        features: Whether to compare epochs with and without cached features.
        memory: Whether to compare the memory of training.
        repeats: Rounds.
        console: Where tables go.

    Returns:
        The JSON objects.
    """
    if not features and not memory:
        return [to_record(one) for one in measure_grid(grid, common, repeats, console)]
    records = []
    for dtype in grid.dtypes:
        row = dataclasses.replace(common, dtype=dtype)
        records += compare_features(row, repeats, console) if features else []
        records += compare_memory(row, console) if memory else []
    return records


def measure_grid(grid: Grid, common: Configuration, repeats: int, console: Console) -> list[Measurement]:
    """Measures and prints one table for each mode and batch size; what is in one table ran in turns.

    Args:
        grid: What is combined with what.
        common: All fields that the grid does not set.
        repeats: Rounds.
        console: Where tables go.
    """
    mixed = [dtype for dtype in grid.dtypes if dtype != "float32"]
    if STOCK in grid.models and mixed:
        console.print(f"{STOCK} is left out under {', '.join(mixed)}: TFP's own layers raise under mixed precision.")
    measurements = []
    for mode, batch_size in itertools.product(grid.modes, grid.batch_sizes):
        rows = [
            dataclasses.replace(common, model=model, mode=mode, dtype=dtype, batch_size=batch_size)
            for dtype, model in itertools.product(grid.dtypes, grid.models)
        ]
        title = f"{mode}, batch size {batch_size}"
        possible = [row for row in rows if row.is_possible]
        found = measure_with_progress(possible, repeats, title, console)
        print_table(title, HEADINGS, [_row(one, found) for one in found], console)
        measurements += found
    return measurements


def _row(measurement: Measurement, others: Sequence[Measurement]) -> list[str]:
    """Times as multiples of the CNN's in the same dtype, throughput as a multiple of TFP's own layers' in float32."""
    record, configuration = to_record(measurement), measurement.configuration
    by_name = {(one.configuration.model, one.configuration.dtype): one for one in others}
    cnn, stock = by_name.get(("cnn", configuration.dtype)), by_name.get((STOCK, "float32"))
    return [
        configuration.model,
        configuration.dtype,
        text_of(record["milliseconds"]),
        text_of(min(measurement.milliseconds)),
        text_of(record["images_per_second"]),
        text_of(record["peak_megabytes"]),
        text_of(ratio(measurement, cnn)) if cnn else "-",
        text_of(ratio(stock, measurement)) if stock else "-",
    ]
