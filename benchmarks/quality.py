"""Compares all models on the same images: means, paired differences, and what the Bayesian twin is expected to reach.

    python benchmarks/quality.py --split=test --data=PATH --weights=PATH --ood_data=PATH --workdir=runs/quality

`--split=validation` is for choosing: it predicts no test image. The test is run once, at the end. All sizes and seeds take
hours on a CPU; a run that was broken off goes on where it was.

`--chosen_on=0` keeps the images out by which recipes were chosen: those that validate with `split_seed` 0 and the numbers of
test and validation images in `configs/study.py`. `--table=PATH` adds the figures of each run to a table as soon as it is
finished, and does not run again what is there; so another machine can go on.
"""

import dataclasses
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from tfp_insects.cli.app import config_of, define_config_file, run_main
from tfp_insects.metrics.metric_table import describe_metrics

__doc__ = f"{__doc__}\nMetrics:\n{describe_metrics()}\n"  # For --help.

STUDY = Path(__file__).resolve().parent.parent / "configs" / "study.py"

SPLIT = flags.DEFINE_enum("split", None, ["validation", "test"], "images that are compared", required=True)
MODELS = flags.DEFINE_list(
    "models",
    ["cnn", "bnn", "cnn_temperature", "laplace", "cnn_l2sp", "mc_dropout", "mc_dropout_maps", "swag", "ensemble"],
    "one or more values of --model of scripts/run.py",
)
SIZES = flags.DEFINE_list("sizes", ["5", "10", "50", "100", "400"], "training images of each class")
SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "of runs and splits; the first alone for the dearer baselines")
DATA = flags.DEFINE_string("data", None, "a zip or folder of class folders, or synthetic", required=True)
WEIGHTS = flags.DEFINE_string("weights", "auto", "auto, imagenet, none, or a .pth or .npz file")
OOD_DATA = flags.DEFINE_string("ood_data", "", "a zip or folder of images of other things, for the test alone")
WORKDIR = flags.DEFINE_string("workdir", "runs/quality", "where runs and the result are written")
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images and weights are kept")
ONLY_FINISHED = flags.DEFINE_bool("only_finished", False, "run nothing, compare what is finished")
CHOSEN_ON = flags.DEFINE_integer(
    "chosen_on", None, "split seed of the split by whose validation images recipes were chosen: these are left out"
)
SHARE_FEATURES = flags.DEFINE_bool(
    "share_features",
    False,
    "compute the features of frozen layers once for all runs; times of whole runs say nothing then",
)
TABLE = flags.DEFINE_string(
    "table", None, "a CSV file to which each finished run is noted; what it has is not run again"
)
define_config_file("config", str(STUDY), "a file in configs/; --config.field=value overrides a field")

if TYPE_CHECKING:
    from tfp_insects.runs.config import RunConfig


def main(argv: list[str]) -> None:
    """Passes the flags on."""
    del argv
    from rich.console import Console

    from tfp_insects.cli.numbers import parse_numbers
    from tfp_insects.compare.benchmark import Benchmark, run_benchmark
    from tfp_insects.runs.config import RunConfig

    chosen_on = None
    if CHOSEN_ON.value is not None:
        chosen_on = dataclasses.replace(_study().data, split_seed=CHOSEN_ON.value)
    benchmark = Benchmark(
        split=SPLIT.value,
        models=MODELS.value,
        sizes=parse_numbers("sizes", SIZES.value),
        seeds=parse_numbers("seeds", SEEDS.value),
        data=DATA.value,
        weights=WEIGHTS.value,
        ood_data=OOD_DATA.value,
        config=RunConfig.from_plain(config_of("config").to_dict()),
        workdir=Path(WORKDIR.value).expanduser(),
        cache_dir=Path(CACHE_DIR.value).expanduser(),
        only_finished=ONLY_FINISHED.value,
        chosen_on=chosen_on,
        shares_features=SHARE_FEATURES.value,
        table=Path(TABLE.value).expanduser() if TABLE.value else None,
    )
    run_benchmark(benchmark, Console())


def _study() -> "RunConfig":
    """The configuration with which recipes were chosen."""
    from tfp_insects.runs.config import RunConfig

    return RunConfig.from_plain(runpy.run_path(str(STUDY))["get_config"]().to_dict())


if __name__ == "__main__":
    run_main(main)
