"""One interface to labelled images, wherever they come from."""

import dataclasses
import hashlib
import json
from collections.abc import Callable

import numpy as np


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
