"""Predicts many generated images by the local engine and on a Ray cluster of this machine, and compares the two.

    python benchmarks/scale.py --images=20000 --kill --json=scale.json

Says how many images a second each does, with its start and without, whether each image is in the shards exactly once, by
how much rows differ under a seed, and how the memory of each worker grows. With `--kill` a worker is killed in the middle.
"""

from absl import flags

from tfp_insects.cli.app import run_main

IMAGES = flags.DEFINE_integer("images", 20_000, "how many", lower_bound=1)
MODEL = flags.DEFINE_string("model", "cnn", "cnn, bnn_head, bnn_classifier or bnn")
IMAGE_SIZE = flags.DEFINE_integer("image_size", 227, "side of the input in pixels", lower_bound=63)
WIDTH_MULTIPLIER = flags.DEFINE_float("width_multiplier", 1.0, "factor of all widths, for a quick look")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "images answered at once", lower_bound=1)
SHARD_SIZE = flags.DEFINE_integer("shard_size", 256, "images of a shard", lower_bound=1)
JOBS = flags.DEFINE_integer("jobs", 1, "workers, the cores shared out", lower_bound=1)
KILL = flags.DEFINE_bool("kill", False, "whether a worker is killed in the middle")
JSON = flags.DEFINE_string("json", None, "where the figures go as a JSON list")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring.scale import Setting, measure_predictions
    from measuring.tables import require_writable, write_records
    from rich.console import Console

    path = require_writable(JSON.value)
    setting = Setting(
        num_images=IMAGES.value,
        model=MODEL.value,
        image_size=IMAGE_SIZE.value,
        width_multiplier=WIDTH_MULTIPLIER.value,
        batch_size=BATCH_SIZE.value,
        shard_size=SHARD_SIZE.value,
        jobs=JOBS.value,
        kills=KILL.value,
    )
    write_records([measure_predictions(setting, Console())], path)


if __name__ == "__main__":
    run_main(main)
