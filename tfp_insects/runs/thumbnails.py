"""Small copies of a run's test images, so that a report can show images from the run's directory alone."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from tfp_insects.data.pipeline import Examples
from tfp_insects.data.small_copies import small_copy
from tfp_insects.errors import InputError
from tfp_insects.files import written_whole

MAX_SIZE = 160  # pixels
QUALITY = 90


def write_thumbnails(path: Path, examples: Examples) -> None:
    """Writes a zip of JPEGs under the examples' ids, upright, none larger than 160 pixels a side.

    Args:
        path: The zip to write.
        examples: Test images.
    """
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for index in examples.indices:
            small = small_copy(examples.source.read(int(index)), MAX_SIZE, QUALITY)
            archive.writestr(examples.source.example_ids[index], small)


def read_thumbnails(path: Path, example_ids: Sequence[str]) -> dict[str, bytes]:
    """Reads the JPEGs of the given examples.

    Raises:
        InputError: The zip is cut off, or lacks one of them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {example_id: archive.read(example_id) for example_id in example_ids}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read ({error}): remove the run's directory and run it again") from error
