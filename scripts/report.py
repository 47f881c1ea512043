"""Writes the report of all finished runs in a work directory: one page, and its figures and pictures beside it.

python scripts/report.py --workdir=runs
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli import run_main

WORKDIR = flags.DEFINE_string("workdir", "runs", "where runs were written; the page goes to report/index.html there")


def main(argv: list[str]) -> None:
    """Passes the flag on."""
    del argv
    from rich.console import Console

    from tfp_insects.study.report.page import write_report

    write_report(Path(WORKDIR.value).expanduser(), Console())


if __name__ == "__main__":
    run_main(main)
