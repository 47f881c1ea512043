"""The page's tables, as cells of text."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfp_insects.bayes.posterior import signal_to_noise
from tfp_insects.compare.learning_curve import ImagesNeeded
from tfp_insects.compare.ood import OodFigure
from tfp_insects.compare.quality import METRICS, Metric, Quality
from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.models.method_table import label_of
from tfp_insects.report.sentences import Twins, needed_interval_words, needed_words
from tfp_insects.report.weights import LayerWeights
from tfp_insects.report.wording import interval_words, number, percent, seconds, shown_sign, times_as
from tfp_insects.runs.run_set import Run, Study


class Cell(NamedTuple):
    """A table's cell.

    Attributes:
        text: What it says.
        detail: A second, smaller line; empty for none.
        verdict: A third; empty for none.
        kind: `shown` for a difference that is shown, `text` for words, else empty.
    """

    text: str
    detail: str = ""
    verdict: str = ""
    kind: str = ""


class Table(NamedTuple):
    """Headings, and rows with a cell for each."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def differences_table(twins: Twins, quality: Quality) -> Table:
    """Second minus first twin: a row a size, a column a metric; then times and McNemar's test."""
    headings = [
        "Images a class",
        *(f"{metric.label}{_unit(metric)}" for metric in METRICS),
        "Training time",
        "McNemar's p",
    ]
    rows = []
    for size in twins.sizes:
        ratio = quality.time_ratio(size)
        tests = quality.mcnemar(size)
        rows.append(
            [
                Cell(str(size)),
                *(_difference_cell(quality.differences[size, m.name].interval, m, twins) for m in METRICS),
                Cell(times_as(ratio.ratio), f"a step {times_as(ratio.step_ratio)}"),
                Cell(
                    ", ".join(_p_value(test.p_value) for _, test in tests),
                    "; ".join(f"{test.only_first_correct} : {test.only_second_correct}" for _, test in tests),
                ),
            ]
        )
    return Table(headings, rows)


def figures_table(study: Study, quality: Quality) -> Table:
    """Every metric of every model and size with its interval."""
    rows = []
    for model in study.models:
        for size in study.sizes_of(model):
            runs = study.select(model, size)
            figures = [quality.figures[model, size, metric.name].interval for metric in METRICS]
            rows.append(
                [
                    Cell(label_of(model), kind="text"),
                    Cell(str(size)),
                    Cell(str(len(runs))),
                    *(_figure_cell(interval, metric) for interval, metric in zip(figures, METRICS, strict=True)),
                    Cell(_mean_seconds(runs, "train_seconds")),
                    Cell(_mean_seconds(runs, "seconds_per_step")),
                ]
            )
    metrics = [f"{metric.label}{' (%)' if metric.scale == 100.0 else _unit(metric)}" for metric in METRICS]
    return Table(["Model", "Images a class", "Seeds", *metrics, "Training run", "Step"], rows)


def needed_table(twins: Twins, needed: Sequence[ImagesNeeded]) -> Table:
    """How many images the second twin needs to be as accurate as the first."""
    headings = [f"{twins.first} has", "and is right on", f"{twins.second} needs", "95 % interval"]
    rows = [
        [
            Cell(str(one.n_per_class)),
            Cell(percent(one.accuracy)),
            Cell(needed_words(one, one.needed.estimate)),
            Cell(needed_interval_words(one)),
        ]
        for one in needed
    ]
    return Table(headings, rows)


def ood_table(figures: Sequence[OodFigure]) -> Table:
    """AUROC of each model, size and score."""
    rows = [
        [
            Cell(label_of(one.model), kind="text"),
            Cell(str(one.n_per_class)),
            Cell(one.score.replace("_", " "), kind="text"),
            Cell(number(one.auroc.estimate, 3), interval_words(one.auroc.low, one.auroc.high, 1.0, 3)),
        ]
        for one in figures
    ]
    return Table(["Model", "Images a class", "Score", "AUROC"], rows)


def weights_table(layers: Mapping[int, Sequence[LayerWeights]]) -> Table:
    """How the posteriors of each layer change from the smallest to the largest size."""
    sizes = sorted(layers)
    measures = ("median scale", "median |location| / scale", "divergence a weight (nats)")
    headings = ["Layer", "Weights", *(f"{measure}, n = {size}" for measure in measures for size in sizes)]
    rows = []
    for i, layer in enumerate(layers[sizes[0]]):
        found = [layers[size][i] for size in sizes]
        rows.append(
            [
                Cell(layer.name, kind="text"),
                Cell(f"{int(np.prod(layer.shape)):,}"),
                *(Cell(f"{np.median(one.scale):.2g}") for one in found),
                *(Cell(number(float(np.median(signal_to_noise(one.loc, one.scale))), 2)) for one in found),
                *(Cell(number(float(one.divergence.mean()), 3)) for one in found),
            ]
        )
    return Table(headings, rows)


def cell_rows(study: Study) -> list[dict[str, Any]]:
    """One row a run for `cells.csv`: all single values that any record has."""
    fields = dict.fromkeys(
        name for run in study.runs for name, value in run.record.items() if isinstance(value, str | int | float)
    )
    return [{name: run.record.get(name, "") for name in fields} for run in study.runs]


def difference_rows(quality: Quality) -> list[dict[str, Any]]:
    """One row a size and metric for `differences.csv`."""
    return [
        {"n_per_class": one.n_per_class, "metric": one.metric, "difference": one.interval.estimate,
         "low": one.interval.low, "high": one.interval.high, "num_seeds": one.num_seeds}
        for one in quality.differences.values()
    ]  # fmt: skip


def _difference_cell(interval: Interval, metric: Metric, twins: Twins) -> Cell:
    value = metric.scale * interval.estimate
    sign = "+" if float(f"{value:.{metric.decimals}f}") > 0 else ""
    ends = interval_words(interval.low, interval.high, metric.scale, metric.decimals)
    shown = shown_sign(interval)
    if not shown:
        return Cell(f"{sign}{number(value, metric.decimals)}", ends)
    better = twins.second if (shown > 0) == metric.is_better_high else twins.first
    return Cell(f"{sign}{number(value, metric.decimals)}", ends, f"{better} better", "shown")


def _figure_cell(interval: Interval, metric: Metric) -> Cell:
    return Cell(
        number(metric.scale * interval.estimate, metric.decimals),
        interval_words(interval.low, interval.high, metric.scale, metric.decimals),
    )


def _unit(metric: Metric) -> str:
    return f" ({metric.unit})" if metric.unit else ""


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)


def _mean_seconds(runs: Sequence[Run], field: str) -> str:
    return seconds(float(np.mean([run.record[field] for run in runs])))
