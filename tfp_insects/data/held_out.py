"""Classes that are kept from the model, so that their images are out of distribution."""

import dataclasses
import fnmatch

import numpy as np

from tfp_insects.data.readers.names import listing
from tfp_insects.data.source import ImageSource, select
from tfp_insects.errors import InputError

NUM_NAMED = 30  # classes that the error lists


def hold_out_classes(source: ImageSource, patterns: str) -> tuple[ImageSource, ImageSource]:
    """Takes classes out of a source.

    Args:
        source: All images.
        patterns: Names of classes, separated by commas, with `*` and `?` as in a shell: `none_*`.

    Returns:
        The source without these classes, and one of these classes alone.

    Raises:
        InputError: A pattern matches no class, or no class is left.
    """
    held_out: set[str] = set()
    for pattern in patterns.split(","):
        matching = fnmatch.filter(source.class_names, pattern.strip())
        if not matching:
            raise InputError(
                f"data.ood_classes={patterns}: {pattern!r} matches no class of {source.name}; "
                f"its classes are {listing(source.class_names, NUM_NAMED)}",
                field="data.ood_classes",
            )
        held_out.update(matching)
    kept = [name for name in source.class_names if name not in held_out]
    if not kept:
        raise InputError(
            f"data.ood_classes={patterns}: all classes of {source.name} match, none is left", field="data.ood_classes"
        )
    return _only_classes(source, kept), _only_classes(source, sorted(held_out))


def _only_classes(source: ImageSource, names: list[str]) -> ImageSource:
    """The images of some classes, labelled among these."""
    labels = np.full(len(source.class_names), -1, np.int32)
    labels[[source.class_names.index(name) for name in names]] = np.arange(len(names))
    part = select(source, np.flatnonzero(labels[source.labels] >= 0))
    return dataclasses.replace(part, class_names=tuple(names), labels=labels[part.labels])
