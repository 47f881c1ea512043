"""Writes the report of all finished runs in a work directory: one page, and its figures and pictures beside it.

python scripts/report.py --workdir=runs

Runs of several splits, as those of benchmarks/quality.py, whose seeds have each their own, need --seeds.
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli.app import run_main
from tfp_insects.metrics.metric_table import describe_metrics

__doc__ = f"{__doc__}\nMetrics:\n{describe_metrics()}\n"  # For --help.

WORKDIR = flags.DEFINE_string("workdir", "runs", "where runs were written; the page goes to report/index.html there")
SEEDS = flags.DEFINE_list("seeds", None, "seeds of the runs that it shows; all by default")


def main(argv: list[str]) -> None:
    """Passes the flag on."""
    del argv
    from rich.console import Console

    from tfp_insects.cli.run import parse_numbers
    from tfp_insects.report.page import write_report

    seeds = None if SEEDS.value is None else parse_numbers("seeds", SEEDS.value)
    write_report(Path(WORKDIR.value).expanduser(), Console(), seeds)


if __name__ == "__main__":
    run_main(main)
