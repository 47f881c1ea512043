"""Predicts a folder or a zip of images with an exported model: a row an image, counts by class, a page for review.

tfp-insects predict --model=models/insects --images=FOLDER_OR_ZIP --output=predictions.csv --review=review
"""

from pathlib import Path
from typing import Any

from absl import flags

DEFAULT_OUTPUTS = {"local": "predictions.csv", "ray": "predictions"}
MODEL = flags.DEFINE_string("model", None, "directory of an exported model, or of one version of it", required=True)
IMAGES = flags.DEFINE_string(
    "images", None, "a folder (with all folders in it) or a zip of images, or a .txt with a path a line", required=True
)
OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "table to write; an unfinished one is continued. Default: predictions.csv; with --engine=ray a directory of Parquet "
    "files, predictions",
)
REVIEW = flags.DEFINE_string("review", None, "folder for a page of the images that a person should look at")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "images answered at once", lower_bound=1)
SEED = flags.DEFINE_integer(
    "seed",
    None,
    "determines the noise of all answers, whatever their batch; default: fresh noise in each batch",
    lower_bound=0,
    upper_bound=2**63 - 1,
)
ENGINE = flags.DEFINE_enum(
    "engine", "local", ["local", "ray"], "ray: on the workers of a Ray cluster; pip install -r requirements-scale.txt"
)
RAY_ADDRESS = flags.DEFINE_string(
    "ray_address",
    "",
    "HOST:PORT of a Ray cluster's head, or auto for the one that runs on this machine; default: RAY_ADDRESS of the "
    "environment, else a cluster of this machine alone, for as long as the command lasts",
)
JOBS = flags.DEFINE_integer(
    "jobs", 1, "with --engine=ray: workers on each machine, its cores shared out", lower_bound=1
)
SHARD_SIZE = flags.DEFINE_integer("shard_size", 1024, "with --engine=ray: images of a Parquet file", lower_bound=1)


def main() -> None:
    """Passes the flags on."""
    from rich.console import Console

    shared: dict[str, Any] = {
        "model": Path(MODEL.value).expanduser(),
        "images": Path(IMAGES.value).expanduser(),
        "output": Path(OUTPUT.value or DEFAULT_OUTPUTS[ENGINE.value]).expanduser(),
        "review": Path(REVIEW.value).expanduser() if REVIEW.value else None,
        "batch_size": BATCH_SIZE.value,
        "seed": SEED.value,
    }
    if ENGINE.value == "ray":
        from tfp_insects.serving.ray_folder import RayCommand, predict_on_ray

        more = {"shard_size": SHARD_SIZE.value, "jobs": JOBS.value, "ray_address": RAY_ADDRESS.value}
        predict_on_ray(RayCommand(**shared, **more), Console())
        return
    from tfp_insects.serving.folder import Command, predict_images

    predict_images(Command(**shared), Console())
