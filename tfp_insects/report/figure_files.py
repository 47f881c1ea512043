"""The figures beside the page, as rows of CSV files."""

from collections.abc import Sequence
from typing import Any

from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.pair import Difference, Pair
from tfp_insects.compare.record_table import without_unknown
from tfp_insects.runs.run_set import RunSet

ALL_SIZES = "all"


def run_rows(study: RunSet) -> list[dict[str, Any]]:
    """One row a run for `runs.csv`: all single values that any record has."""
    records = [without_unknown(run.record) for run in study.runs]
    fields = dict.fromkeys(
        name for record in records for name, value in record.items() if isinstance(value, str | int | float)
    )
    return [{name: record.get(name, "") for name in fields} for record in records]


def figure_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a model, size and metric."""
    return [
        {"model": model, "n_per_class": size, "metric": name, "estimate": one.interval.estimate,
         "low": one.interval.low, "high": one.interval.high, "num_seeds": one.num_seeds}
        for model in comparison.models for size in comparison.sizes_of(model)
        for name, one in comparison.figures(model, size).items()
    ]  # fmt: skip


def difference_rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """One row a pair, size and metric for `differences.csv`, and one for the mean over sizes where there are several."""
    rows = []
    for pair in pairs:
        for size in pair.sizes:
            rows += [_difference_row(pair, size, one) for one in pair.differences(size).values()]
        if len(pair.sizes) > 1:
            rows += [_difference_row(pair, ALL_SIZES, one) for one in pair.differences_over_sizes().values()]
    return rows


def _difference_row(pair: Pair, size: int | str, one: Difference) -> dict[str, Any]:
    return {
        "model": pair.model,
        "minus": pair.reference,
        "n_per_class": size,
        "metric": one.metric,
        "difference": one.interval.estimate,
        "low": one.interval.low,
        "high": one.interval.high,
        "num_seeds": one.num_seeds,
    }
