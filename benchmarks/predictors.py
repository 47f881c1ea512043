"""Compares answers by moments with Monte Carlo draws of the same trained networks, on validation images.

    python benchmarks/predictors.py --workdir=runs/quality --sizes=5,50,400 --data=PATH --weights=PATH --ood_data=PATH

It reads the weights of finished runs, trains nothing and predicts no test image. All settings that the runs were made with
are needed again, those of `--config` too.
"""

from pathlib import Path

from absl import flags

from tfp_insects.cli.app import config_of, define_config_file, run_main

STUDY = Path(__file__).resolve().parent.parent / "configs" / "study.py"

MODEL = flags.DEFINE_string("model", "bnn", "a value of --model of scripts/run.py")
SIZES = flags.DEFINE_list("sizes", ["5"], "training images of each class")
SEEDS = flags.DEFINE_list("seeds", ["0"], "of the runs")
DATA = flags.DEFINE_string("data", None, "a zip or folder of class folders, or synthetic", required=True)
WEIGHTS = flags.DEFINE_string("weights", "auto", "auto, imagenet, none, or a .pth or .npz file")
OOD_DATA = flags.DEFINE_string("ood_data", "", "a zip or folder of images of other things")
WORKDIR = flags.DEFINE_string("workdir", None, "where the finished runs are", required=True)
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images and weights are kept")
REPEATS = flags.DEFINE_integer(
    "repeats", 5, "how often moments are asked for, each time with other draws", lower_bound=1
)
REFERENCE = flags.DEFINE_integer(
    "reference", 30, "draws of the reference, four of the last layer for each", lower_bound=2
)
AGAIN = flags.DEFINE_bool("again", True, "whether the reference is drawn twice, which shows its own noise")
JSON = flags.DEFINE_string("json", None, "where the figures go as a JSON list")
define_config_file("config", str(STUDY), "a file in configs/; --config.field=value overrides a field")


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from measuring.predictors import Setting, compare_predictors
    from measuring.tables import require_writable, write_records
    from rich.console import Console

    from tfp_insects.cli.numbers import parse_numbers
    from tfp_insects.runs.config import RunConfig
    from tfp_insects.study.recipe import Recipe

    path, sizes = require_writable(JSON.value), parse_numbers("sizes", SIZES.value)
    recipe = Recipe(
        DATA.value,
        WEIGHTS.value,
        sizes,
        RunConfig.from_plain(config_of("config").to_dict()),
        Path(CACHE_DIR.value).expanduser(),
        ood_data=OOD_DATA.value,
    )
    setting = Setting(
        recipe.make(),
        MODEL.value,
        sizes,
        parse_numbers("seeds", SEEDS.value),
        Path(WORKDIR.value).expanduser(),
        REPEATS.value,
        REFERENCE.value,
        AGAIN.value,
    )
    write_records(compare_predictors(setting, Console()), path)


if __name__ == "__main__":
    run_main(main)
