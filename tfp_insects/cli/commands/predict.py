"""Predicts a folder or a zip of images with an exported model: a row an image, counts by class, a page for review.

tfp-insects predict --model=models/insects --images=FOLDER_OR_ZIP --output=predictions.csv --review=review
"""

from pathlib import Path

from absl import flags

MODEL = flags.DEFINE_string("model", None, "directory of an exported model, or of one version of it", required=True)
IMAGES = flags.DEFINE_string("images", None, "a folder (with all folders in it) or a zip of images", required=True)
OUTPUT = flags.DEFINE_string("output", "predictions.csv", "table to write; an unfinished one is continued")
REVIEW = flags.DEFINE_string("review", None, "folder for a page of the images that a person should look at")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "images answered at once", lower_bound=1)


def main() -> None:
    """Passes the flags on."""
    from rich.console import Console

    from tfp_insects.serving.folder import Command, predict_images

    command = Command(
        model=Path(MODEL.value).expanduser(),
        images=Path(IMAGES.value).expanduser(),
        output=Path(OUTPUT.value).expanduser(),
        review=Path(REVIEW.value).expanduser() if REVIEW.value else None,
        batch_size=BATCH_SIZE.value,
    )
    predict_images(command, Console())
