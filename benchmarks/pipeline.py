"""Times the input pipeline alone, the CNN's training step alone, and the step fed by the pipeline.

    python benchmarks/pipeline.py --data=synthetic,PATH --json=pipeline.json

A step must never wait for images: the pipeline alone has to be several times faster than the step. On a CPU both share the
cores, so that the fed step loses what the pipeline computes; on a GPU it loses nothing.
"""

from absl import flags

from tfp_insects.cli.app import run_main

DATA = flags.DEFINE_list("data", ["synthetic"], "one or more of synthetic, insect_detect, or a zip or folder of images")
N_PER_CLASS = flags.DEFINE_integer("n_per_class", 50, "images of each class", lower_bound=1)
NUM_CLASSES = flags.DEFINE_integer("num_classes", 10, "classes, the first by name", lower_bound=1)
DTYPES = flags.DEFINE_list(
    "dtypes", ["mixed_bfloat16"], "of the CNN: one or more of float32, mixed_bfloat16, mixed_float16"
)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "images in a step", lower_bound=1)
REPEATS = flags.DEFINE_integer("repeats", 5, "rounds; times are medians over them", lower_bound=1)
IMAGE_SIZE = flags.DEFINE_integer("image_size", 227, "side of the input in pixels", lower_bound=63)
WIDTH_MULTIPLIER = flags.DEFINE_float("width_multiplier", 1.0, "factor of all widths, for a quick look")
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images are kept")
JSON = flags.DEFINE_string("json", None, "where the measurements go as a JSON list")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring import configuration, tables
    from measuring.epochs import compare_with_steps
    from rich.console import Console

    dtypes = configuration.require_known("dtypes", DTYPES.value, configuration.DTYPES)
    path = tables.require_writable(JSON.value)
    records = []
    for dtype in dtypes:
        common = configuration.Configuration(
            dtype=dtype,
            batch_size=BATCH_SIZE.value,
            image_size=IMAGE_SIZE.value,
            width_multiplier=WIDTH_MULTIPLIER.value,
            num_classes=NUM_CLASSES.value,
            n_per_class=N_PER_CLASS.value,
            cache_dir=CACHE_DIR.value,
        )
        records += compare_with_steps(common, DATA.value, REPEATS.value, Console())
    tables.write_records(records, path)


if __name__ == "__main__":
    run_main(main, needs_tensorflow=False)  # Its processes import it.
