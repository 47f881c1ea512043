"""One interface to labelled images, wherever they come from."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfp_insects.errors import InputError

SYNTHETIC_SEED = 0  # the drawn data set is one data set, whatever the seeds of a run


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSource:
    """Labelled images that are read one at a time, still encoded.

    Attributes:
        name: What records and plots call it: 'synthetic', 'insect_detect', or the name of the zip or folder.
        class_names: Sorted.
        example_ids: `class/file.jpg` of each example, sorted, unique.
        labels: int32 `[num_examples]`, index into `class_names`.
        groups: Capture group (capture day) of each example, or None where none is known.
        read: Returns the encoded JPEG or PNG of example i; may be called from several threads.
        drawn: The images are drawn by this project, not photographed.
    """

    name: str
    class_names: tuple[str, ...]
    example_ids: tuple[str, ...]
    labels: np.ndarray
    groups: tuple[str, ...] | None
    read: Callable[[int], bytes]
    drawn: bool = False


def select(source: ImageSource, indices: np.ndarray) -> ImageSource:
    """Keeps some examples of a source and all its classes.

    Args:
        source: Where the examples come from.
        indices: int64 `[num_kept]`, increasing.
    """
    kept = [int(index) for index in indices]
    return dataclasses.replace(
        source,
        example_ids=tuple(source.example_ids[index] for index in kept),
        labels=source.labels[kept],
        groups=None if source.groups is None else tuple(source.groups[index] for index in kept),
        read=lambda position: source.read(kept[position]),
    )


def content_digests(source: ImageSource) -> tuple[bytes, ...]:
    """Returns the SHA-256 of each example's encoded bytes; equal digests are equal images."""
    return tuple(hashlib.sha256(source.read(index)).digest() for index in range(len(source.example_ids)))


def fingerprint(source: ImageSource) -> str:
    """Returns the SHA-256 in hex of class names, example ids, labels, groups and contents, but not of the name.

    So a folder and a zip of it have the same fingerprint.
    """
    index = [source.class_names, source.example_ids, source.labels.tolist(), source.groups]
    total = hashlib.sha256(json.dumps(index).encode())
    for digest in content_digests(source):
        total.update(digest)
    return total.hexdigest()


def open_source(
    spec: str, cache_dir: Path, *, num_synthetic_per_class: int, data_dir: Path | None = None
) -> ImageSource:
    """Opens the images that `--data` names.

    Args:
        spec: 'insect_detect', 'synthetic', 'auto' (Insect Detect if it is prepared, else the drawn insects), or the
            path of a zip or folder of class folders.
        cache_dir: Where drawn images are kept.
        num_synthetic_per_class: How many insects of each class are drawn.
        data_dir: Where TFDS keeps prepared data sets; None means TFDS's own default.

    Raises:
        InputError: There is no such file or folder, it does not hold class folders of images, or Insect Detect is not
            prepared.
    """
    # Each of these modules needs this one, and TFDS takes a second to import.
    from tfp_insects.data.archives import archive_source
    from tfp_insects.data.folders import folder_source
    from tfp_insects.data.synthetic import synthetic_source

    if spec in ("auto", "insect_detect"):
        from tfp_insects.data.insect_detect import insect_detect_source, is_prepared

        if spec == "insect_detect" or is_prepared(data_dir):
            return insect_detect_source(data_dir)
    if spec in ("auto", "synthetic"):
        return synthetic_source(num_synthetic_per_class, SYNTHETIC_SEED, cache_dir)
    path = Path(spec).expanduser()
    if path.is_dir():
        return folder_source(path)
    if path.is_file():
        return archive_source(path)
    raise InputError(
        f"--data={spec}: no such file or folder. Expected auto, insect_detect, synthetic, or the path of a zip or "
        "folder that holds one folder of JPEG or PNG images for each class."
    )
