"""A new metric is one file: it appears in records, help, terminal, CSV files and page."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.new_files import AddModule
from fixtures.page_text import Text, page_without_pictures
from rich.console import Console

from tfp_insects.compare.answers import answers_of
from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.plain_figures import plain_figures
from tfp_insects.compare.record_table import print_table, write_comparison
from tfp_insects.compare.tables import print_comparison
from tfp_insects.files import read_json
from tfp_insects.metrics import labelled
from tfp_insects.metrics.metric_table import labelled_metrics
from tfp_insects.report.content import make_content
from tfp_insects.report.figure_files import difference_rows, figure_rows
from tfp_insects.runs.reading import load_runs

ROOT = Path(__file__).resolve().parents[2]
NEW = """
from tfp_insects.metrics.bootstrap import mean_of
from tfp_insects.metrics.metric import LabelledMetric

METRIC = LabelledMetric(
    name="sureness", label="sureness", short="sure", description="mean confidence in wrong answers and right ones",
    unit="points", scale=100.0, decimals=2, better="high", order=45, statistic=lambda draws: mean_of(draws.confidence),
)
"""


@pytest.fixture
def folder(add_module: AddModule) -> Path:
    """Where the new metric's file is, while a test runs."""
    return add_module(labelled, "sureness", NEW)


def lines(table: io.StringIO) -> list[str]:
    return table.getvalue().splitlines()


def test_a_new_metric_appears_everywhere(folder: Path, make_run, tmp_path: Path) -> None:
    workdir = tmp_path / "runs"
    runs = [make_run(workdir, model, 5, 0, num_examples=40) for model in ("cnn", "bnn")]
    records = [read_json(run / "record.json") for run in runs]
    values = [record["sureness"] for record in records]
    assert all(record["intervals"]["sureness"][0] < record["sureness"] < 1 for record in records)

    console = Console(file=io.StringIO(), width=80)
    print_table(records, console)
    heading = next(line for line in lines(console.file) if "acc." in line)
    assert heading.split()[3:9] == ["acc.", "NLL", "Brier", "sure", "ECE", "AURC"]
    assert f"{values[0]:.3f}" in console.file.getvalue()
    write_comparison(records, tmp_path / "comparison.csv")
    with (tmp_path / "comparison.csv").open() as file:
        assert [float(row["sureness"]) for row in csv.DictReader(file)] == values

    figures = plain_figures(Comparison([answers_of(run) for run in load_runs(workdir).runs]))
    gap = figures["differences"]["bnn - cnn"]["5"]["sureness"]
    assert gap["estimate"] == pytest.approx(values[1] - values[0])
    console = Console(file=io.StringIO(), width=80)
    print_comparison(figures, [], console)
    assert f"{gap['estimate']:+.4f}" in console.file.getvalue()
    assert sum("sure " in line for line in lines(console.file)) == 2

    content = make_content(load_runs(workdir))
    for rows in (figure_rows(content.comparison), difference_rows(content.pairs)):
        assert "sureness" in {row["metric"] for row in rows}
    text = Text(page_without_pictures(workdir))
    assert "Sureness mean confidence in wrong answers and right ones." in text.words
    assert [row[6].partition(" | ")[0] for row in text.table("Seeds")] == [f"{100 * value:.2f}" for value in values]
    headings = next(rows[0] for rows in text.tables if "McNemar" in " ".join(rows[0]))
    assert headings[4] == "Sureness (points)"


def test_no_trace_is_left_of_it() -> None:
    assert "sureness" not in {metric.name for metric in labelled_metrics()}


@pytest.mark.parametrize("script", ["scripts/report.py", "benchmarks/quality.py"])
def test_a_new_metric_appears_in_the_help(folder: Path, script: str) -> None:
    code = (
        "import runpy, sys; from tfp_insects.metrics import labelled; "
        f"labelled.__path__.append({str(folder)!r}); sys.argv = [{script!r}, '--help']; "
        f"runpy.run_path({script!r}, run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "sureness: mean confidence in wrong answers and right ones; high is good" in result.stdout
    assert "nll: negative log-likelihood" in result.stdout
