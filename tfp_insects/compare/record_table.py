"""Records side by side: a table on the terminal, and a CSV file."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.files import written_whole
from tfp_insects.metrics.metric_table import all_metrics, find_metric, table_metrics
from tfp_insects.text import plain

KEY = {"model": "model", "n_per_class": "n", "seed": "seed"}
COST = {
    "best_epoch": "epoch",
    "train_seconds": "train s",
    "predict_seconds": "test s",
    "run_seconds": "all s",
    "seconds_per_step": "s/step",
}
OTHER_TIMES = ("seconds_to_best_epoch",)
COVERAGE = "coverage_at_5_risk"
EPISTEMIC = "mean_mutual_information"
AUROC = "auroc_predictive_entropy"
MADE_FROM = (
    "architecture",
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
    """Prints one row a run: as many of the metrics as the console is wide enough for; the CSV file has all."""
    first = records[0]
    kind = "drawn insects, no photographs" if first["drawn"] else first["data"]
    title = (
        f"{kind}: {first['num_classes']} classes, {first['num_test_examples']} test images, weights {first['weights']}"
    )
    if num_folds := first.get("num_folds"):
        title += f", each in one of {num_folds} folds"
    columns = _columns(records, console.width)
    table = Table(title=plain(title), caption=plain(_caption(columns)), box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in columns.values():
        table.add_column(plain(heading), justify="left" if heading == "model" else "right", no_wrap=True)
    for record in records:
        known = without_unknown(record)
        table.add_row(*(plain(_text(known.get(column, ""))) for column in columns))
    console.print(table)


def write_comparison(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes one row a run, with every metric."""
    columns = [*KEY, *(metric.name for metric in all_metrics()), *COST, *OTHER_TIMES, *MADE_FROM]
    with (
        written_whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(without_unknown(record) for record in records)


def without_unknown(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without figures that say nothing of a model of one draw, whose epistemic uncertainty is unknown, not 0."""
    unknown = {metric.name for metric in all_metrics() if metric.needs_draws} if record.get("num_draws") == 1 else set()
    return {name: value for name, value in record.items() if name not in unknown}


def _columns(records: Sequence[Mapping[str, Any]], width: int) -> dict[str, str]:
    """Name and heading of each column that fits, those that matter least left out first."""
    metrics = [metric.name for metric in table_metrics()]
    unknown = [AUROC] if any(AUROC in record for record in records) else []
    columns = {**KEY, **{name: find_metric(name).heading for name in (*metrics, *unknown, EPISTEMIC)}, **COST}
    times = ("train_seconds", "predict_seconds", "run_seconds")  # All parts of what a user waits for, or none.
    for names in (("seconds_per_step",), ("best_epoch",), (COVERAGE,), times, *((name,) for name in reversed(metrics))):
        if _width(columns, records) > width:
            columns = {name: heading for name, heading in columns.items() if name not in names}
    return columns


def _width(columns: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> int:
    """Width of the table, with a space before, after and between columns."""
    widths = [
        max(len(heading), *(len(_text(record.get(name, ""))) for record in records))
        for name, heading in columns.items()
    ]
    return sum(widths) + len(widths) + 1


def _caption(columns: Mapping[str, str]) -> str:
    words = {
        "n_per_class": "n: training images a class",
        AUROC: "AUROC: images of no known class, by entropy",
        EPISTEMIC: "epist.: mean mutual information, nats",
        "best_epoch": "epoch: the one of lowest validation NLL",
        "predict_seconds": "test s: time to answer the test images",
        "run_seconds": "all s: of the run, with reading, validation and all answers",
    }
    return "; ".join(text for name, text in words.items() if name in columns)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if value >= 10 else f"{value:.3f}"
    return str(value)
