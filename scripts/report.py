"""Writes the report of all finished runs in a work directory: one page, and its figures and pictures beside it.

python scripts/report.py --workdir=runs

Runs of several splits, as those of benchmarks/quality.py, whose seeds have each their own, need --seeds.
"""

from tfp_insects.cli.main import start

if __name__ == "__main__":
    start("report")
