"""Writes the report of all finished runs in a work directory: one page, and its figures and pictures beside it.

tfp-insects report --workdir=runs

Runs of several splits, as those of benchmarks/quality.py, whose seeds have each their own, need --seeds.
"""

from pathlib import Path

from absl import flags

from tfp_insects.metrics.metric_table import describe_metrics

MORE_HELP = f"Metrics:\n{describe_metrics()}\n"
WORKDIR = flags.DEFINE_string("workdir", "runs", "where runs were written; the page goes to report/index.html there")
SEEDS = flags.DEFINE_list("seeds", None, "seeds of the runs that it shows; all by default")


def main() -> None:
    """Passes the flags on."""
    from rich.console import Console

    from tfp_insects.cli.numbers import parse_numbers
    from tfp_insects.report.page import write_report

    seeds = None if SEEDS.value is None else parse_numbers("seeds", SEEDS.value)
    write_report(Path(WORKDIR.value).expanduser(), Console(), seeds)
