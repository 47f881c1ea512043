"""Sees whether a run's promises hold, on images that did not calibrate them: over many random splits of its test images.

    python benchmarks/promises.py --runs=runs/bnn-n50-seed0,runs/bnn-n50-seed1 --risks=0.1,0.2

reads stored predictions alone and takes seconds a run. For each run and risk it says

- how many of the splits accept any answer at all,
- in how many the share of wrong answers among the accepted images of the other part keeps to the risk,
- the share accepted there, and the best that the bound allows: the lowest threshold whose bound is within the risk, chosen by
  looking, which promises nothing,
- the share of known images called unknown there, and in how many splits it lies where it should by chance,
- the share of images of no known class, of those that did not choose the score, that pass, and that are accepted.

The other part is a sample too. Of promises at the edge, 5 % are broken; with as many judging as calibrating images up to 12 %
seem to be, by chance, and with twice as many up to 9 %.
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli.app import run_main

RUNS = flags.DEFINE_list("runs", None, "directories of finished runs", required=True)
RISKS = flags.DEFINE_list("risks", ["0.05", "0.1", "0.2"], "risk levels")
FALSE_ALARMS = flags.DEFINE_float("false_alarms", 0.05, "false-alarm rate")
CALIBRATING = flags.DEFINE_float("calibrating", 0.5, "share of the test images that a promise is made from", 0.0, 1.0)
NUM_SPLITS = flags.DEFINE_integer("num_splits", 100, "random splits of the test images", lower_bound=1)


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring.promises import measure_promises, print_promises
    from rich.console import Console

    from tfp_insects.compare.promise import Terms
    from tfp_insects.runs.reading import open_run

    found = [
        measure_promises(
            open_run(Path(name).expanduser()),
            Terms(float(risk), FALSE_ALARMS.value),
            NUM_SPLITS.value,
            CALIBRATING.value,
        )
        for name in RUNS.value
        for risk in RISKS.value
    ]
    print_promises(found, Console())


if __name__ == "__main__":
    run_main(main)
