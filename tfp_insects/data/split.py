"""Test and validation images, cut first, and the nested training subsets that are drawn from what is left."""

import dataclasses
from typing import Any

import numpy as np

from tfp_insects.data.grouping import POOL, TEST, VALIDATION, assign_units, find_units, seeded_order
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError

NUM_NAMED = 12  # dropped classes that the error names


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A source's images, shared out.

    No capture group and no content is in two of test, validation and pool.

    Attributes:
        class_names: The classes kept, sorted.
        labels: int32 `[num_examples]` of the source, index into `class_names`, -1 where the class was dropped.
        test: int64 indices into the source, sorted; equally many of each class.
        validation: The same.
        pool: int64 indices of the images from which training subsets are drawn, sorted.
        dropped: Each class left out, and how many images were left of it for training once its test and validation
            images were cut; 0 where these could not be had.
    """

    class_names: tuple[str, ...]
    labels: np.ndarray
    test: np.ndarray
    validation: np.ndarray
    pool: np.ndarray
    dropped: dict[str, int]


def make_split(
    source: ImageSource,
    *,
    num_test_per_class: int,
    num_validation_per_class: int,
    max_n_per_class: int,
    split_seed: int,
) -> Split:
    """Cuts test and validation images and leaves out the classes that are too small.

    Whole units (images of one capture group or of identical content) go to test, validation or the pool. Of the images
    of a class in the test's units just `num_test_per_class` are tested on; the others are not used at all. A class that
    misses its numbers is dropped, the one that misses most first, and the units are assigned anew among the classes
    left. So the split is a function of the images, the seed and the classes kept, whatever `max_n_per_class` is; and
    where no groups are known, a class that shares no image with another is split in the same way whatever the others.

    Args:
        source: All images.
        num_test_per_class: Test images of each class.
        num_validation_per_class: Validation images of each class.
        max_n_per_class: The largest training subset that will be asked for, images of each class.
        split_seed: Decides which images are cut.

    Raises:
        InputError: A number is not positive, or fewer than two classes are large enough.
    """
    _check_numbers(num_test_per_class, num_validation_per_class, max_n_per_class)
    needed = np.array([max_n_per_class, num_test_per_class, num_validation_per_class])  # in the order of the parts
    units = find_units(source, split_seed)
    kept, parts, dropped = _assign(source, units, needed)
    if len(kept) < 2:
        raise InputError(_describe_too_few(source, needed, kept, dropped))

    labels = np.full(len(source.class_names), -1, np.int32)
    labels[kept] = np.arange(len(kept))
    labels = labels[source.labels]
    order = seeded_order(source.example_ids, "held out", split_seed)
    return Split(
        class_names=tuple(source.class_names[label] for label in kept),
        labels=labels,
        test=_first_of_each_class(order[parts[units[order]] == TEST], labels, num_test_per_class),
        validation=_first_of_each_class(order[parts[units[order]] == VALIDATION], labels, num_validation_per_class),
        pool=np.flatnonzero((parts[units] == POOL) & (labels >= 0)),
        dropped=dropped,
    )


def training_subset(split: Split, n_per_class: int, seed: int) -> np.ndarray:
    """Draws training images from the pool, equally many of each class.

    For one seed the smaller of two subsets is part of the larger, and the images drawn of a class do not depend on the
    other classes.

    Returns:
        int64 `[num_classes * n_per_class]` indices into the source, sorted.

    Raises:
        InputError: A class has fewer images in the pool.
    """
    if n_per_class < 1:
        raise InputError(f"--n_per_class={n_per_class}: expected a positive number.")
    drawn = []
    for label, name in enumerate(split.class_names):
        candidates = split.pool[split.labels[split.pool] == label]
        if len(candidates) < n_per_class:
            raise InputError(
                f"--n_per_class={n_per_class}: class {name!r} has only {len(candidates)} images for training. "
                f"Set --config.data.max_n_per_class={n_per_class} to leave such classes out."
            )
        order = seeded_order([f"{name}/{position}" for position in range(len(candidates))], "train", seed)
        drawn.append(candidates[order[:n_per_class]])
    return np.sort(np.concatenate(drawn))


def split_to_json(source: ImageSource, split: Split) -> dict[str, Any]:
    """Returns the split in plain values, by class names and example ids, to be stored with a run and compared.

    Dropped classes are not part of it: they are what a command asked for, not what a run was trained and tested on.
    """
    parts = {"test": split.test, "validation": split.validation, "pool": split.pool}
    return {"class_names": list(split.class_names)} | {
        name: [source.example_ids[index] for index in indices] for name, indices in parts.items()
    }


def _check_numbers(num_test_per_class: int, num_validation_per_class: int, max_n_per_class: int) -> None:
    numbers = {
        "num_test_per_class": num_test_per_class,
        "num_validation_per_class": num_validation_per_class,
        "max_n_per_class": max_n_per_class,
    }
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"--config.data.{name}={number}: expected a positive number.")


def _assign(
    source: ImageSource, units: np.ndarray, needed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Returns labels of the classes kept, the part of each unit, and the classes dropped with their images left."""
    num_classes = len(source.class_names)
    counts = np.zeros((units.max() + 1, num_classes), np.int64)
    np.add.at(counts, (units, source.labels), 1)
    left = counts.sum(axis=0) - needed[TEST] - needed[VALIDATION]
    kept = np.flatnonzero(left >= needed[POOL])
    dropped = {label: max(0, int(left[label])) for label in range(num_classes) if label not in kept}
    while True:
        parts = assign_units(counts[:, kept], int(needed[TEST]), int(needed[VALIDATION]))
        found = np.stack([counts[parts == part][:, kept].sum(axis=0) for part in range(len(needed))])
        missing = np.maximum(needed[:, None] - found, 0)
        if not missing.any():
            return kept, parts, {source.class_names[label]: dropped[label] for label in sorted(dropped)}
        worst = int(np.argmax(missing.sum(axis=0)))
        is_held_out = not missing[[TEST, VALIDATION], worst].any()
        dropped[int(kept[worst])] = int(found[POOL, worst]) if is_held_out else 0
        kept = np.delete(kept, worst)


def _first_of_each_class(indices: np.ndarray, labels: np.ndarray, num_per_class: int) -> np.ndarray:
    kept = [indices[labels[indices] == label][:num_per_class] for label in range(labels.max() + 1)]
    return np.sort(np.concatenate(kept))


def _describe_too_few(source: ImageSource, needed: np.ndarray, kept: np.ndarray, dropped: dict[str, int]) -> str:
    left = ", ".join(f"{name} {count}" for name, count in list(dropped.items())[:NUM_NAMED])
    more = f" and {len(dropped) - NUM_NAMED} classes more" if len(dropped) > NUM_NAMED else ""
    whole = " Images of one capture group stay together." if source.groups else ""
    return (
        f"{source.name}: {len(kept)} of {len(source.class_names)} classes are large enough, at least two are needed. "
        f"Each class needs {needed[TEST]} test images, {needed[VALIDATION]} validation images and {needed[POOL]} for "
        f"training; left for training are: {left}{more}.{whole} Ask for fewer training images with --n_per_class, or for "
        "fewer test and validation images with --config.data.num_test_per_class and "
        "--config.data.num_validation_per_class, or add images of each class."
    )
