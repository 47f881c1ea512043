"""Trains a network and its Bayesian twin on few images of each class, and compares them.

tfp-insects run --model=bnn --n_per_class=500
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import config_flags

from tfp_insects.cli.app import define_config_file
from tfp_insects.cli.config_files import config_names, find_config, load_config, with_overrides
from tfp_insects.models.architecture_table import architecture_names
from tfp_insects.models.config import DEFAULT_ARCHITECTURE
from tfp_insects.models.method_table import method_names
from tfp_insects.training.strategies import AUTO, STRATEGIES

MODEL = flags.DEFINE_list("model", ["cnn", "bnn"], f"one or more of {', '.join(method_names())}")
N_PER_CLASS = flags.DEFINE_list("n_per_class", ["5"], "training images of each class; one or more numbers")
ARCHITECTURE = flags.DEFINE_string(
    "architecture",
    None,
    f"the network: one of {', '.join(architecture_names())}, or a model of your own, saved by tf_keras as .keras, .h5 or "
    f"SavedModel; short for --config.model.architecture. Default: {DEFAULT_ARCHITECTURE}",
)
DATA = flags.DEFINE_string(
    "data",
    "auto",
    "auto (Insect Detect if it is prepared, else drawn insects), insect_detect, synthetic, "
    "or a zip or folder of class folders",
)
WEIGHTS = flags.DEFINE_string("weights", "auto", "auto, imagenet, none, or a .pth, .npz or .h5 file")
OOD_DATA = flags.DEFINE_string(
    "ood_data", "", "a zip or folder of class folders of other things: are they told from those of known classes?"
)
SEEDS = flags.DEFINE_list("seeds", ["0"], "one or more seeds")
WORKDIR = flags.DEFINE_string("workdir", "runs", "where runs are written")
CACHE_DIR = flags.DEFINE_string("cache_dir", "~/.cache/tfp_insects", "where drawn images and weights are kept")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "where TensorFlow Datasets keeps prepared data; default: its own place"
)
FOLDS = flags.DEFINE_integer(
    "folds",
    None,
    "cross-validation in so many parts, for few images of each class: each is tested once, by a network that did not train "
    "on it; short for --config.data.folds. Default: 0, a single split",
)
JOBS = flags.DEFINE_integer(
    "jobs", 1, "runs at the same time, the cores shared out; with --engine=ray, on each machine", lower_bound=1
)
ENGINE = flags.DEFINE_enum(
    "engine",
    "local",
    ["local", "ray"],
    "ray: each run is a task of a Ray cluster; pip install -r requirements-scale.txt",
)
RAY_ADDRESS = flags.DEFINE_string(
    "ray_address",
    "",
    "HOST:PORT of a Ray cluster's head, or auto for the one that runs on this machine; default: RAY_ADDRESS of the "
    "environment, else a cluster of this machine alone, for as long as the command lasts",
)
STRATEGY = flags.DEFINE_enum(
    "strategy",
    AUTO,
    STRATEGIES,
    "which devices train a network: none, one alone; mirrored, all GPUs of this machine; multiworker, the processes that "
    "TF_CONFIG names; auto, what there is",
)
DRY_RUN = flags.DEFINE_bool("dry_run", False, "say what would be done, and how long it would take")
CONFIG = define_config_file(
    "config",
    "study",
    f"one of {', '.join(config_names())}, or a file like those in configs/; --config.field=value overrides a field",
)


def config_for(is_drawn: bool) -> Mapping[str, Any]:
    """The configuration asked for; without a --config, drawn images get `drawn` with the same overrides.

    What suits the network stands over the configuration and under the overrides.
    """
    flag = flags.FLAGS["config"]
    config = load_config("drawn") if is_drawn and flag.using_default_value else CONFIG.value
    overrides = dict(config_flags.get_override_values(flag))
    if ARCHITECTURE.value is not None:
        overrides["model.architecture"] = ARCHITECTURE.value
    if FOLDS.value is not None:
        overrides["data.folds"] = FOLDS.value
    return with_overrides(config, overrides).to_dict()


def main() -> None:
    """Passes the flags on."""
    from tfp_insects.cli.run import Command, run_command

    command = Command(
        models=MODEL.value,
        sizes=N_PER_CLASS.value,
        seeds=SEEDS.value,
        data=DATA.value,
        weights=WEIGHTS.value,
        workdir=Path(WORKDIR.value).expanduser(),
        cache_dir=Path(CACHE_DIR.value).expanduser(),
        data_dir=Path(DATA_DIR.value).expanduser() if DATA_DIR.value else None,
        ood_data=OOD_DATA.value,
        num_jobs=JOBS.value,
        engine=ENGINE.value,
        ray_address=RAY_ADDRESS.value,
        strategy=STRATEGY.value,
        dry_run=DRY_RUN.value,
        config_file=find_config(flags.FLAGS["config"].config_filename),
    )
    run_command(command, config_for)
