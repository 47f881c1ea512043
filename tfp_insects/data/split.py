"""Test and validation images, cut first, and the nested training subsets that are drawn from what is left."""

import dataclasses
from typing import Any

import numpy as np

from tfp_insects.data.dealing import folds_that_fit
from tfp_insects.data.grouping import POOL, TEST, VALIDATION, assign_units, find_units, seeded_order
from tfp_insects.data.source import ImageSource, select
from tfp_insects.data.split_advice import USUAL_FOLDS, Numbers, numbers_that_fit, or_by_folds, values_of_folds
from tfp_insects.errors import InputError

NUM_NAMED = 12  # dropped classes that the error names
FIELDS = ("n_per_class", "data.num_test_per_class", "data.num_validation_per_class")
_UNUSED = -1
_PART_OF_NAME = {"train": POOL, "test": TEST, "validation": VALIDATION}


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A source's images, shared out.

    No capture group and no content is in two of test, validation and pool.

    Attributes:
        class_names: The classes kept, sorted.
        labels: int32 `[num_examples]` of the source, index into `class_names`, -1 where the class was dropped.
        test: int64 indices into the source, sorted; equally many of each class, unless the part is given.
        validation: The same.
        pool: int64 indices of the images from which training subsets are drawn, sorted.
        dropped: Each class left out, and how many images were left of it for training once its test and validation
            images were cut; 0 where these could not be had.
        given: Those of 'test' and 'validation' that the data set came with.
        folds: Of a cross-validation, the splits to train and test by; then the parts above are all images.
    """

    class_names: tuple[str, ...]
    labels: np.ndarray
    test: np.ndarray
    validation: np.ndarray
    pool: np.ndarray
    dropped: dict[str, int]
    given: tuple[str, ...] = ()
    folds: tuple["Split", ...] = ()

    def of_fold(self, fold: int | None) -> "Split":
        """The split of one fold; of none, this one."""
        return self if fold is None else self.folds[fold]


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

    A split that the data set comes with (`ImageSource.parts`) is kept: all of its test and validation images are used, and
    the pool is its training part, without images that it has in the other parts too. A part that it lacks is cut from its
    training part, as above.

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
    if source.parts is not None:
        return _given_split(source, units, needed, split_seed)
    kept, parts, dropped = _assign(source, units, needed)
    if len(kept) < 2:
        raise _too_few(source, units, needed, kept, dropped)

    labels = labels_among(source, kept)
    return Split(
        class_names=tuple(source.class_names[label] for label in kept),
        labels=labels,
        test=_cut(source, labels, parts[units] == TEST, num_test_per_class, split_seed),
        validation=_cut(source, labels, parts[units] == VALIDATION, num_validation_per_class, split_seed),
        pool=np.flatnonzero((parts[units] == POOL) & (labels >= 0)),
        dropped=dropped,
    )


def _given_split(source: ImageSource, units: np.ndarray, needed: np.ndarray, split_seed: int) -> Split:
    """Keeps the parts that the source comes with, and cuts those that it lacks from its training part."""
    part_of = _given_parts(source, units)
    given = tuple(name for name in ("test", "validation") if (part_of == _PART_OF_NAME[name]).any())
    still_needed = needed * [0 if name in given else 1 for name in ("train", "test", "validation")]
    pool = np.flatnonzero(part_of == POOL)
    if not len(pool):
        raise InputError(
            f"{source.name}: every training image of the given split is in its test or validation part too, so that none is "
            "left to train on. Put other images into one of them, or remove the other parts: they are cut from train then"
        )
    training = select(source, pool)
    kept, parts, dropped = _assign(training, units[pool], still_needed)
    if len(kept) < 2:
        raise _too_few(training, units[pool], still_needed, kept, dropped)
    labels = labels_among(source, kept)
    cut = np.full(len(units), _UNUSED)
    cut[pool] = parts[units[pool]]
    held_out = {}
    for name in ("test", "validation"):
        part = _PART_OF_NAME[name]
        is_given = (part_of == part) & (labels >= 0)
        indices = (
            np.flatnonzero(is_given) if name in given else _cut(source, labels, cut == part, needed[part], split_seed)
        )
        _require_every_class(source, labels, indices, kept, name)
        held_out[name] = indices
    return Split(
        class_names=tuple(source.class_names[label] for label in kept),
        labels=labels,
        test=held_out["test"],
        validation=held_out["validation"],
        pool=np.flatnonzero((cut == POOL) & (labels >= 0)),
        dropped=dropped,
        given=given,
    )


def _given_parts(source: ImageSource, units: np.ndarray) -> np.ndarray:
    """The part of each example, int `[num_examples]`; of equal images in several parts, those of the less strict are unused.

    Test images come first, then validation images: what is tested on must not be trained on.
    """
    assert source.parts is not None
    part_of = np.array([_PART_OF_NAME[part] for part in source.parts])
    for strict, others in ((TEST, (POOL, VALIDATION)), (VALIDATION, (POOL,))):
        is_seen = np.zeros(units.max() + 1, bool)
        is_seen[units[part_of == strict]] = True
        part_of[is_seen[units] & np.isin(part_of, others)] = _UNUSED
    return part_of


def _require_every_class(
    source: ImageSource, labels: np.ndarray, indices: np.ndarray, kept: np.ndarray, part: str
) -> None:
    counts = np.bincount(labels[indices], minlength=len(kept))
    if not counts.all():
        name = source.class_names[kept[int(np.argmin(counts))]]
        raise InputError(
            f"{source.name}: the given split has no {part} image of class {name!r} that is not in another part too. Put "
            "some there, or remove that class"
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
        raise InputError(f"n_per_class={n_per_class}: expected a positive number.", field="n_per_class")
    drawn = []
    for label, name in enumerate(split.class_names):
        candidates = split.pool[split.labels[split.pool] == label]
        if len(candidates) < n_per_class:
            raise InputError(
                f"n_per_class={n_per_class}: class {name!r} has only {len(candidates)} images for training. "
                f"Set data.max_n_per_class to {n_per_class} to leave such classes out.",
                field=("n_per_class", "data.max_n_per_class"),
            )
        order = seeded_order([f"{name}/{position}" for position in range(len(candidates))], "train", seed)
        drawn.append(candidates[order[:n_per_class]])
    return np.sort(np.concatenate(drawn))


def split_to_json(source: ImageSource, split: Split) -> dict[str, Any]:
    """Returns the split in plain values, by class names and example ids, to be stored with a run and compared.

    Dropped classes are not part of it: they are what a command asked for, not what a run was trained and tested on. Parts
    that the data set came with are named under `given`, and the test images of each fold under `folds`.
    """
    parts = {"test": split.test, "validation": split.validation, "pool": split.pool}
    values = {name: [source.example_ids[index] for index in indices] for name, indices in parts.items()}
    more: dict[str, Any] = {"given": list(split.given)} if split.given else {}
    if split.folds:
        more["folds"] = [[source.example_ids[index] for index in fold.test] for fold in split.folds]
    return {"class_names": list(split.class_names), **values, **more}


def _check_numbers(num_test_per_class: int, num_validation_per_class: int, max_n_per_class: int) -> None:
    numbers = {
        "num_test_per_class": num_test_per_class,
        "num_validation_per_class": num_validation_per_class,
        "max_n_per_class": max_n_per_class,
    }
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"data.{name}={number}: expected a positive number.", field=f"data.{name}")


def _assign(
    source: ImageSource, units: np.ndarray, needed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Returns labels of the classes kept, the part of each unit, and the classes dropped with their images left."""
    num_classes, counts = len(source.class_names), count_in_units(source, units)
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


def count_in_units(source: ImageSource, units: np.ndarray) -> np.ndarray:
    """Images of each class in each unit, int64 `[num_units, num_classes]`."""
    counts = np.zeros((units.max() + 1, len(source.class_names)), np.int64)
    np.add.at(counts, (units, source.labels), 1)
    return counts


def labels_among(source: ImageSource, kept: np.ndarray) -> np.ndarray:
    """int32 `[num_examples]`, index into the classes kept, -1 where the class is not."""
    labels = np.full(len(source.class_names), -1, np.int32)
    labels[kept] = np.arange(len(kept))
    return labels[source.labels]


def _cut(
    source: ImageSource, labels: np.ndarray, is_part: np.ndarray, num_per_class: int, split_seed: int
) -> np.ndarray:
    """Of a part's examples the first few of each class, in a seeded order."""
    order = seeded_order(source.example_ids, "held out", split_seed)
    return _first_of_each_class(order[is_part[order]], labels, num_per_class)


def _first_of_each_class(indices: np.ndarray, labels: np.ndarray, num_per_class: int) -> np.ndarray:
    kept = [indices[labels[indices] == label][:num_per_class] for label in range(labels.max() + 1)]
    return np.sort(np.concatenate(kept))


def _too_few(
    source: ImageSource, units: np.ndarray, needed: np.ndarray, kept: np.ndarray, dropped: dict[str, int]
) -> InputError:
    """The error of a source with too few images, and numbers with which it would do."""
    left = ", ".join(f"{name} {count}" for name, count in list(dropped.items())[:NUM_NAMED])
    more = f" and {len(dropped) - NUM_NAMED} classes more" if len(dropped) > NUM_NAMED else ""
    whole = " Images of one capture group stay together." if source.groups else ""
    asked = Numbers(*needed[[POOL, TEST, VALIDATION]].tolist())
    found = numbers_that_fit(
        np.bincount(source.labels, minlength=len(source.class_names)).tolist(),
        asked,
        lambda numbers: len(_assign(source, units, np.array(numbers))[0]),
    )
    values = {name: new for name, new, old in zip(FIELDS, found[0], asked, strict=True) if new != old} if found else {}
    would_do = (
        f" {', '.join(f'{name}={value}' for name, value in values.items())} would do for {found[1]} of "
        f"{len(source.class_names)} classes."
        if found
        else ""
    )
    by_folds = folds_that_fit(count_in_units(source, units), USUAL_FOLDS, asked.train) if source.parts is None else None
    return InputError(
        f"{source.name}: {len(kept)} of {len(source.class_names)} classes are large enough, at least two are needed. "
        f"Each class needs {needed[TEST]} test images, {needed[VALIDATION]} validation images and {needed[POOL]} for "
        f"training; left for training are: {left}{more}.{whole}{would_do} Ask for fewer training images (n_per_class), or "
        "for fewer test and validation images (data.num_test_per_class, data.num_validation_per_class), or add images of "
        f"each class{or_by_folds(by_folds)}",
        field=FIELDS,
        values=values,
        other_values=values_of_folds(by_folds, asked.train),
    )
