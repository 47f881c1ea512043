"""Records side by side: a table on the terminal, and a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.files import written_whole

# Short headings, so that the table fits a terminal of 80 columns.
COLUMNS = {
    "model": "model",
    "n_per_class": "n",
    "seed": "seed",
    "accuracy": "acc.",
    "nll": "NLL",
    "brier": "Brier",
    "ece": "ECE",
    "mean_mutual_information": "epist.",
    "best_epoch": "epoch",
    "train_seconds": "train s",
    "seconds_per_step": "s/step",
}
CSV_COLUMNS = (
    *COLUMNS,
    "macro_accuracy",
    "data",
    "drawn",
    "weights",
    "num_classes",
    "num_train_examples",
    "num_test_examples",
    "num_parameters",
    "precision",
    "is_tempered",
    "data_fingerprint",
)


def print_table(records: Sequence[dict[str, Any]], console: Console) -> None:
    """Prints one row a cell."""
    first = records[0]
    kind = "drawn insects, no photographs" if first["drawn"] else first["data"]
    title = (
        f"{kind}: {first['num_classes']} classes, {first['num_test_examples']} test images, weights {first['weights']}"
    )
    caption = (
        "n: training images a class; epist.: mean mutual information, nats; epoch: the one of lowest validation NLL"
    )
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for record in records:
        table.add_row(*(_text(record[column]) for column in COLUMNS))
    console.print(table)


def write_comparison(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes one row a cell."""
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(records)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if value >= 10 else f"{value:.3f}"
    return str(value)
