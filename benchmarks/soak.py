"""Trains, reports, exports and predicts in one process for as long as asked, and measures what grows.

    python benchmarks/soak.py --minutes=30 --json=soak.json

Each round is a whole `run` of a small study on drawn insects, an export of each of its runs, and a prediction of a zip of
images with each export. After it come the memory of the process, its open files and its threads. Growth is that of the
median memory of the last quarter of the rounds over the first quarter, the rounds to warm up left out.
"""

from absl import flags
from measuring.small_study_flags import define_small_study

from tfp_insects.cli.app import run_main

MINUTES = flags.DEFINE_float("minutes", 30.0, "for how long; the last round is finished", lower_bound=0.0)
WARM_UP_ROUNDS = flags.DEFINE_integer("warm_up_rounds", 3, "rounds that are not counted", lower_bound=0)
STUDY = define_small_study(epochs=2)
JOBS = flags.DEFINE_integer(
    "jobs", 1, "runs at the same time; from two on each has a process of its own", lower_bound=1
)
JSON = flags.DEFINE_string("json", None, "where the measurements go as a JSON list, after each round")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring.soak import soak
    from measuring.tables import require_writable
    from rich.console import Console

    path = require_writable(JSON.value)
    soak(STUDY(), JOBS.value, 60.0 * MINUTES.value, WARM_UP_ROUNDS.value, path, Console())


if __name__ == "__main__":
    run_main(main)
