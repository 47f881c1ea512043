"""Exports a finished run as a SavedModel that TensorFlow Serving and tfp-insects predict load.

tfp-insects export --run=runs/bnn-n500-seed0 --output=models/insects
"""

from pathlib import Path

from absl import flags

RUN = flags.DEFINE_string("run", None, "directory of a finished run", required=True)
OUTPUT = flags.DEFINE_string("output", None, "the model's directory; versions in it count up", required=True)
NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "Monte Carlo draws of each answer; default: the run's own number"
)
RISK = flags.DEFINE_float(
    "risk", 0.05, "largest share of wrong answers among accepted ones, kept with a confidence of 95 %"
)
FALSE_ALARMS = flags.DEFINE_float(
    "false_alarms", 0.05, "largest share of images of known classes that are called unknown"
)
SET_COVERAGE = flags.DEFINE_float(
    "set_coverage",
    None,
    "how often the sets of classes that predict writes hold the true one, such as 0.9; default: no sets",
)


def main() -> None:
    """Exports the run and says what was written."""
    from tfp_insects.serving.export import describe, export_run

    run, output = Path(RUN.value).expanduser(), Path(OUTPUT.value).expanduser()
    export = export_run(run, output, NUM_SAMPLES.value, RISK.value, FALSE_ALARMS.value, SET_COVERAGE.value)
    print(describe(export))
