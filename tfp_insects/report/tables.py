"""The page's tables, as cells of text."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfp_insects.bayes.posterior import signal_to_noise
from tfp_insects.compare.answers import WHOLE_RUN
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.learning_curve import ImagesNeeded
from tfp_insects.compare.pair import Pair, TimeRatio
from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.metrics.metric import Metric, OodMetric
from tfp_insects.metrics.metric_table import compared_metrics, labelled_metrics, ood_metrics, ood_scores, table_metrics
from tfp_insects.models.method_table import label_of
from tfp_insects.report.sentences import needed_interval_words, needed_words
from tfp_insects.report.weights import LayerWeights
from tfp_insects.report.wording import interval_words, number, percent, seconds, shown_sign, times_as

MEAN_TIMES = {
    "train_seconds": "Training",
    "predict_seconds": "Test answers",
    WHOLE_RUN: "Whole run",
    "seconds_per_step": "Step",
}
TIME_RATIOS = {
    "train_seconds": "Training time",
    WHOLE_RUN: "Whole run",
}
STEP = "seconds_per_step"


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


def differences_table(pair: Pair) -> Table:
    """Second minus first twin: a row a size, a column a metric; then times and McNemar's test."""
    found = {size: pair.differences(size) for size in pair.sizes}
    metrics = [one for one in compared_metrics() if any(one.name in found[size] for size in found)]
    ratios = {size: pair.time_ratios(size) for size in pair.sizes}
    times = {name: words for name, words in TIME_RATIOS.items() if all(name in ratios[size] for size in ratios)}
    test = ["McNemar's p"] if any(pair.mcnemar(size) for size in pair.sizes) else []
    rows = []
    for size in pair.sizes:
        differences = [found[size].get(metric.name) for metric in metrics]
        rows.append(
            [
                Cell(str(size)),
                *(
                    _difference_cell(one.interval, metric, pair) if one else Cell("")
                    for one, metric in zip(differences, metrics, strict=True)
                ),
                *(_ratio_cell(name, ratios[size]) for name in times),
                *(_mcnemar_cell(pair, size) for _ in test),
            ]
        )
    headings = [f"{metric.title}{_unit(metric)}" for metric in metrics]
    return Table(["Images a class", *headings, *times.values(), *test], rows)


def figures_table(comparison: Comparison) -> Table:
    """The metrics that are shown first, of every model and size with their intervals, and times."""
    times = {
        name: words
        for name, words in MEAN_TIMES.items()
        if all(_mean_time(comparison, *place, name) for place in _places(comparison))
    }
    table = _metrics_table(comparison, table_metrics())
    rows = [
        [*row, *(Cell(_mean_time(comparison, *place, name)) for name in times)]
        for row, place in zip(table.rows, _places(comparison), strict=True)
    ]
    return Table([*table.headings, *times.values()], rows)


def more_figures_table(comparison: Comparison) -> Table:
    """All other metrics of every model and size with their intervals."""
    return _metrics_table(comparison, [metric for metric in labelled_metrics() if not metric.is_in_tables])


def needed_table(pair: Pair, needed: Sequence[ImagesNeeded]) -> Table:
    """How many images the second twin needs to be as accurate as the first."""
    headings = [f"{label_of(pair.reference)} has", "and is right on", f"{label_of(pair.model)} needs", "95 % interval"]
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


def ood_table(comparison: Comparison) -> Table | None:
    """AUROC and FPR95 of each model, size and score; None where no run was asked about images of no known class."""
    separations = list(dict.fromkeys(metric.separation for metric in ood_metrics()))
    rows = []
    for model, size in _places(comparison):
        for score in ood_scores():
            metrics = [one for one in ood_metrics() if one.score == score and comparison.seeds(model, size, one.name)]
            if metrics and score.is_in_tables:
                rows.append(_ood_row(comparison, model, size, metrics))
    headings = [f"{one}{_scale_unit(_first_of(one))}" for one in separations]
    return Table(["Model", "Images a class", "Score", *headings], rows) if rows else None


def weights_table(layers: Mapping[int, Sequence[LayerWeights]]) -> Table:
    """How the posteriors of each layer change from the smallest to the largest size."""
    sizes = sorted(layers)
    measures = ("median scale", "median |location| / scale", "divergence a weight in training (nats)")
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


def _places(comparison: Comparison) -> list[tuple[str, int]]:
    return [(model, size) for model in comparison.models for size in comparison.sizes_of(model)]


def _metrics_table(comparison: Comparison, asked: Sequence[Metric]) -> Table:
    """Those of the metrics that say something of one run at least."""
    metrics = [one for one in asked if any(comparison.seeds(*place, one.name) for place in _places(comparison))]
    rows = [
        [
            Cell(label_of(model), kind="text"),
            Cell(str(size)),
            Cell(str(len(comparison.seeds(model, size)))),
            *(_figure_cell(comparison, model, size, metric) for metric in metrics),
        ]
        for model, size in _places(comparison)
    ]
    return Table(["Model", "Images a class", "Seeds", *(f"{one.title}{_scale_unit(one)}" for one in metrics)], rows)


def _ood_row(comparison: Comparison, model: str, size: int, metrics: Sequence[OodMetric]) -> list[Cell]:
    return [
        Cell(label_of(model), kind="text"),
        Cell(str(size)),
        Cell(metrics[0].score.label, kind="text"),
        *(_figure_cell(comparison, model, size, metric) for metric in metrics),
    ]


def _first_of(separation: str) -> OodMetric:
    return next(metric for metric in ood_metrics() if metric.separation == separation)


def _difference_cell(interval: Interval, metric: Metric, pair: Pair) -> Cell:
    value = metric.scale * interval.estimate
    sign = "+" if float(f"{value:.{metric.decimals}f}") > 0 else ""
    ends = interval_words(interval.low, interval.high, metric.scale, metric.decimals)
    shown = shown_sign(interval)
    if not shown or metric.better == "neither":
        return Cell(f"{sign}{number(value, metric.decimals)}", ends)
    better = pair.model if (shown > 0) == (metric.better == "high") else pair.reference
    return Cell(f"{sign}{number(value, metric.decimals)}", ends, f"{label_of(better)} better", "shown")


def _ratio_cell(name: str, ratios: Mapping[str, TimeRatio]) -> Cell:
    has_step = name == "train_seconds" and STEP in ratios
    return Cell(times_as(ratios[name].ratio), f"a step {times_as(ratios[STEP].ratio)}" if has_step else "")


def _mcnemar_cell(pair: Pair, size: int) -> Cell:
    tests = [result for _, result in pair.mcnemar(size)]
    return Cell(
        ", ".join(_p_value(test.p_value) for test in tests),
        "; ".join(f"{test.only_second_correct} : {test.only_first_correct}" for test in tests),
    )


def _figure_cell(comparison: Comparison, model: str, size: int, metric: Metric) -> Cell:
    if not comparison.seeds(model, size, metric.name):
        return Cell("")
    interval = comparison.figure(model, size, metric.name).interval
    return Cell(
        number(metric.scale * interval.estimate, metric.decimals),
        interval_words(interval.low, interval.high, metric.scale, metric.decimals),
    )


def _unit(metric: Metric) -> str:
    return f" ({metric.unit})" if metric.unit else ""


def _scale_unit(metric: Metric) -> str:
    return " (%)" if metric.scale == 100.0 else _unit(metric)


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)


def _mean_time(comparison: Comparison, model: str, size: int, name: str) -> str:
    """A time's mean over seeds in words; empty where a run does not say it."""
    found = [one.times.get(name) for one in comparison.answers(model, size)]
    known = [value for value in found if value is not None]
    return seconds(float(np.mean(known))) if len(known) == len(found) else ""
