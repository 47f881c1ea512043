"""Page and benchmark give the same figures for the same runs: there is one engine."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from fixtures.page_text import Text, read
from rich.console import Console

from tfp_insects.compare.answers import TIMES, WHOLE_RUN
from tfp_insects.compare.benchmark import Benchmark, read_comparison
from tfp_insects.compare.plain_figures import plain_figures
from tfp_insects.compare.tables import print_comparison
from tfp_insects.metrics.metric_table import find_metric, table_metrics
from tfp_insects.report.wording import interval_words, number

SIZES, SEEDS = [5, 10, 40], [0, 1]


@pytest.fixture(scope="module")
def figures(grid_workdir: Path) -> dict[str, Any]:
    """As the benchmark writes them."""
    benchmark = Benchmark("test", ["cnn", "bnn"], SIZES, SEEDS, "", "", "", {}, grid_workdir, grid_workdir, True)
    return json.loads(json.dumps(plain_figures(read_comparison(benchmark))))


@pytest.fixture(scope="module")
def text(grid_page: Path) -> Text:
    return read(grid_page)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def interval_of(row: dict[str, str], estimate: str) -> dict[str, float]:
    return {"estimate": float(row[estimate]), "low": float(row["low"]), "high": float(row["high"])}


def test_figures_beside_the_page_are_the_benchmark_s_to_the_last_bit(figures: dict[str, Any], grid_page: Path) -> None:
    found = rows(grid_page.parent / "quality_by_images.csv")
    assert {(row["model"], row["n_per_class"]) for row in found} == {(m, str(n)) for m in ("cnn", "bnn") for n in SIZES}
    for row in found:
        assert interval_of(row, "estimate") == figures["models"][row["model"]][row["n_per_class"]][row["metric"]], row
    shown = {name for by_size in figures["models"].values() for one in by_size.values() for name in one}
    assert {row["metric"] for row in found} == shown - {"num_seeds", WHOLE_RUN, *TIMES}


def test_differences_beside_the_page_are_the_benchmark_s_to_the_last_bit(
    figures: dict[str, Any], grid_page: Path
) -> None:
    expected = {**figures["differences"]["bnn - cnn"], "all": figures["differences_over_sizes"]["bnn - cnn"]}
    found = rows(grid_page.parent / "differences.csv")
    for row in found:
        assert (row["model"], row["minus"]) == ("bnn", "cnn")
        assert interval_of(row, "difference") == expected[row["n_per_class"]][row["metric"]], row
    named = {(row["n_per_class"], row["metric"]) for row in found}
    assert named == {(size, name) for size, one in expected.items() for name in one} - {
        (size, other) for size in expected for other in ("num_seeds", "mcnemar")
    }
    assert ("40", "auroc_predictive_entropy") in named


def words(interval: dict[str, float], name: str) -> str:
    metric = find_metric(name)
    ends = interval_words(interval["low"], interval["high"], metric.scale, metric.decimals)
    return f"{number(metric.scale * interval['estimate'], metric.decimals)} | {ends}"


def test_the_page_shows_the_benchmark_s_figures(figures: dict[str, Any], text: Text) -> None:
    num_metrics = len(table_metrics())
    for row in text.table("Seeds"):
        one = figures["models"][row[0].lower()][row[1]]
        assert row[3 : 3 + num_metrics] == [words(one[metric.name], metric.name) for metric in table_metrics()]
    for row in text.table("McNemar"):
        one = figures["differences"]["bnn - cnn"][row[0]]
        names = [metric.name for metric in table_metrics()]
        for cell, name in zip(row[1 : 1 + num_metrics], names, strict=True):
            assert cell.removeprefix("+").startswith(words(one[name], name))
        ratios = figures["time_ratios"][row[0]]
        assert row[num_metrics + 2].startswith(f"{ratios['train_seconds']:.1f} times")
        assert row[num_metrics + 3] == f"{ratios['run_seconds']:.1f} times"
        tests = one["mcnemar"]
        assert row[9] == f"{ratios['run_seconds']:.1f} times"
        assert row[10].partition(" | ")[2] == "; ".join(
            f"{test['only_second_correct']} : {test['only_first_correct']}" for test in tests
        )
    row = next(row for row in text.table("McNemar") if row[0] == "40")
    auroc = "auroc_predictive_entropy"
    assert (
        row[num_metrics + 1]
        .removeprefix("+")
        .startswith(words(figures["differences"]["bnn - cnn"]["40"][auroc], auroc))
    )


def test_the_terminal_shows_them_too(figures: dict[str, Any]) -> None:
    console = Console(file=io.StringIO(), width=80)
    print_comparison(figures, [], console)
    shown = console.file.getvalue()
    for size, one in figures["differences"]["bnn - cnn"].items():
        assert f"{one['nll']['estimate']:+.4f} ({one['nll']['low']:+.4f} to {one['nll']['high']:+.4f})" in shown, size
    assert f"{figures['models']['bnn']['40']['auroc_predictive_entropy']['estimate']:.3f}" in shown
