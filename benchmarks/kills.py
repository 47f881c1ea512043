"""Kills a small study at random moments, again and again, and checks that it ends as if nobody had.

    python benchmarks/kills.py --kills=100 --json=kills.json

A study of some runs on drawn insects is done undisturbed. Then it is begun anew, ended by SIGKILL, SIGTERM, SIGINT and
SIGHUP in turn, and started again until it finishes; and all of that until there were so many kills. A kill is survived if the
process ends in time and leaves no other behind, if no finished record is lost and no lock blocks, and if in the end all
records, histories, predictions and weights are those of the undisturbed study, and no other files are there.
"""

from absl import flags
from measuring.small_study_flags import define_small_study

from tfp_insects.cli.app import run_main

KILLS = flags.DEFINE_integer("kills", 100, "how often it is killed", lower_bound=1)
JOBS = flags.DEFINE_list("jobs", ["1", "2"], "values of --jobs of scripts/run.py, one study after the other")
SEED = flags.DEFINE_integer("seed", 0, "of the moments")
STUDY = define_small_study(epochs=4)
JSON = flags.DEFINE_string("json", None, "where the counts go as a JSON list, after each study")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring.configuration import require_positive
    from measuring.kills import count_kills
    from measuring.tables import require_writable
    from rich.console import Console

    path = require_writable(JSON.value)
    count_kills(STUDY(), KILLS.value, require_positive("jobs", JOBS.value), SEED.value, path, Console())


if __name__ == "__main__":
    run_main(main)
