"""One interface to labelled images, wherever they come from."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSource:
    """Labelled images that are read one at a time, still encoded.

    Attributes:
        name: What records and plots call it: 'synthetic', 'insect_detect', or the name of the zip or folder.
        class_names: Sorted.
        example_ids: `class/file.jpg` of each example (with `train/` before it where a split is given), sorted, unique.
        labels: int32 `[num_examples]`, index into `class_names`.
        groups: Capture group (capture day) of each example, or None where none is known.
        read: Returns the encoded JPEG or PNG of example i; may be called from several threads.
        drawn: The images are drawn by this project, not photographed.
        parts: 'train', 'validation' or 'test' of each example, or None where the data set comes without a split.
        digests: SHA-256 of each example's encoded bytes, or None where they are not known yet.
        notes: Sentences that the user should read, such as which files were left out.
    """

    name: str
    class_names: tuple[str, ...]
    example_ids: tuple[str, ...]
    labels: np.ndarray
    groups: tuple[str, ...] | None
    read: Callable[[int], bytes]
    drawn: bool = False
    parts: tuple[str, ...] | None = None
    digests: tuple[bytes, ...] | None = None
    notes: tuple[str, ...] = ()


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
        groups=_picked(source.groups, kept),
        parts=_picked(source.parts, kept),
        digests=_picked(source.digests, kept),
        read=lambda position: source.read(kept[position]),
    )


def _picked(values: tuple[Value, ...] | None, indices: Sequence[int]) -> tuple[Value, ...] | None:
    return None if values is None else tuple(values[index] for index in indices)


def content_digest(encoded: bytes) -> bytes:
    """SHA-256 of an image's encoded bytes."""
    return hashlib.sha256(encoded).digest()


def content_digests(source: ImageSource) -> tuple[bytes, ...]:
    """Returns the SHA-256 of each example's encoded bytes; equal digests are equal images."""
    if source.digests is not None:
        return source.digests
    return tuple(content_digest(source.read(index)) for index in range(len(source.example_ids)))


def fingerprint(source: ImageSource) -> str:
    """Returns the SHA-256 in hex of class names, example ids, labels, groups, contents and a given split, not of the name.

    So a folder and a zip of it have the same fingerprint, and so has a folder that was renamed.
    """
    index = [source.class_names, source.example_ids, source.labels.tolist(), source.groups]
    if source.parts is not None:
        index.append(source.parts)
    total = hashlib.sha256(json.dumps(index).encode())
    for digest in content_digests(source):
        total.update(digest)
    return total.hexdigest()
