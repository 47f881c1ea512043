"""Times the CNN, its Bayesian twin and TFP's own Flipout layers.

    python benchmarks/throughput.py --models=cnn,bnn,tfp_flipout --modes=train --batch_sizes=64 --json=throughput.json

Each row runs in a process of its own; the rows of a table run in turns, so that ratios are fair on a shared machine. With
--features it times epochs with and without cached features instead, with --memory it measures the memory of training.
"""

from absl import flags

from tfp_insects.cli.app import run_main

MODELS = flags.DEFINE_list(
    "models",
    ["cnn", "bnn", "tfp_flipout"],
    "one or more of cnn, bnn (configs/study.py: all layers Bayesian), bnn_weight_scale (each weight's scale trained), "
    "cnn_classifier, bnn_classifier, cnn_head, bnn_head (convolutions, or all but the last layer, frozen), tfp_flipout",
)
MODES = flags.DEFINE_list(
    "modes",
    ["forward", "train", "predict"],
    "one or more of forward, train, predict (by moments behind a mirrored pair of draws), predict_mean (behind the mean), "
    "predict_monte_carlo",
)
DTYPES = flags.DEFINE_list(
    "dtypes", ["float32", "mixed_bfloat16"], "one or more of float32, mixed_bfloat16, mixed_float16"
)
BATCH_SIZES = flags.DEFINE_list("batch_sizes", ["16", "64", "256"], "images in a step, or in a call of predict")
REPEATS = flags.DEFINE_integer("repeats", 5, "rounds; times are medians over them", lower_bound=1)
NUM_SAMPLES = flags.DEFINE_integer("num_samples", 30, "draws of a prediction by Monte Carlo", lower_bound=1)
FEATURES = flags.DEFINE_boolean("features", False, "time an epoch on cached features against one without the cache")
MEMORY = flags.DEFINE_boolean("memory", False, "measure the peak memory of training on few and on many images")
N_PER_CLASS = flags.DEFINE_integer("n_per_class", 50, "drawn images of each class in an epoch", lower_bound=1)
IMAGE_SIZE = flags.DEFINE_integer("image_size", 227, "side of the input in pixels", lower_bound=63)
WIDTH_MULTIPLIER = flags.DEFINE_float("width_multiplier", 1.0, "factor of all widths, for a quick look")
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images are kept")
JSON = flags.DEFINE_string("json", None, "where the measurements go as a JSON list")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring import configuration, tables
    from measuring.parts import Grid, run_parts
    from rich.console import Console

    grid = Grid(
        configuration.require_known("models", MODELS.value, configuration.MODELS),
        configuration.require_known("modes", MODES.value, configuration.MODES),
        configuration.require_known("dtypes", DTYPES.value, configuration.DTYPES),
        configuration.require_positive("batch_sizes", BATCH_SIZES.value),
    )
    common = configuration.Configuration(
        image_size=IMAGE_SIZE.value,
        width_multiplier=WIDTH_MULTIPLIER.value,
        num_samples=NUM_SAMPLES.value,
        n_per_class=N_PER_CLASS.value,
        cache_dir=CACHE_DIR.value,
    )
    path = tables.require_writable(JSON.value)
    records = run_parts(grid, common, FEATURES.value, MEMORY.value, REPEATS.value, Console())
    tables.write_records(records, path)


if __name__ == "__main__":
    run_main(main, needs_tensorflow=False)  # Its processes import it.
