"""Times exported models on encoded images: the CNN and its twin with all, the dense, or the last layers Bayesian.

    python benchmarks/serving.py --json=serving.json

Weights are random: they do not change the time. All models answer in turns in one process, so that ratios are fair on a
shared machine.
"""

from absl import flags

from tfp_insects.cli.app import run_main

BATCH_SIZES = flags.DEFINE_list("batch_sizes", ["1", "32"], "images of a request")
NUM_SAMPLES = flags.DEFINE_integer("num_samples", 2, "draws of what lies before the dense layers", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 7, "rounds; times are medians over them", lower_bound=1)
IMAGE_SIZE = flags.DEFINE_integer("image_size", 227, "side of the input in pixels", lower_bound=63)
WIDTH_MULTIPLIER = flags.DEFINE_float("width_multiplier", 1.0, "factor of all widths, for a quick look")
JSON = flags.DEFINE_string("json", None, "where the measurements go as a JSON list")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring.configuration import require_positive
    from measuring.exports import Setting, measure_exports
    from measuring.tables import require_writable, write_records
    from rich.console import Console

    batch_sizes = require_positive("batch_sizes", BATCH_SIZES.value)
    path = require_writable(JSON.value)
    setting = Setting(IMAGE_SIZE.value, WIDTH_MULTIPLIER.value, NUM_SAMPLES.value)
    write_records(measure_exports(setting, batch_sizes, REPEATS.value, Console()), path)


if __name__ == "__main__":
    run_main(main)
