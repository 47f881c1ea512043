"""Cross-validation: each image is tested once, by a network that neither trained on it nor chose its epoch by it.

The units of a source (images of one capture group or of identical content) are dealt into K parts. Fold k tests part k,
chooses the epoch by part k + 1 (the first after the last), and trains on images of the other K - 2.
"""

import numpy as np

from tfp_insects.data.dealing import (
    LEAST_CLASSES,
    LEAST_FOLDS,
    FoldNumbers,
    deal_classes,
    folds_that_fit,
    require_num_folds,
)
from tfp_insects.data.grouping import find_units
from tfp_insects.data.source import ImageSource
from tfp_insects.data.split import Split, count_in_units, labels_among
from tfp_insects.errors import InputError

FIELDS = ("n_per_class", "data.folds")


def make_folds(source: ImageSource, *, num_folds: int, max_n_per_class: int, split_seed: int) -> Split:
    """Deals all images into folds, and leaves out the classes that are too small.

    The folds are a function of the images, the seed, their number and the classes kept. A split that the data set comes with
    does not count.

    Args:
        source: All images.
        num_folds: K, 3 or more.
        max_n_per_class: The largest training subset that will be asked for, images of each class.
        split_seed: Decides which images are in which part.

    Returns:
        A split whose `folds` are the splits to train and test by. Its own parts are all images, as each is in each of them
        once or more.

    Raises:
        InputError: A number is too small, or fewer than two classes are large enough.
    """
    _check_numbers(num_folds, max_n_per_class)
    units = find_units(source, split_seed)
    counts = count_in_units(source, units)
    kept, parts, dropped = deal_classes(counts, num_folds, max_n_per_class)
    if len(kept) < LEAST_CLASSES:
        raise _too_few(source, num_folds, max_n_per_class, folds_that_fit(counts, num_folds, max_n_per_class))
    labels = labels_among(source, kept)
    names = tuple(source.class_names[label] for label in kept)
    everything = np.flatnonzero(labels >= 0)
    return Split(
        class_names=names,
        labels=labels,
        test=everything,
        validation=everything,
        pool=everything,
        dropped={source.class_names[label]: dropped[label] for label in sorted(dropped)},
        folds=tuple(_fold(names, labels, parts[units], fold, num_folds) for fold in range(num_folds)),
    )


def _fold(names: tuple[str, ...], labels: np.ndarray, part_of: np.ndarray, fold: int, num_folds: int) -> Split:
    is_test, is_validation = (part_of == (fold + step) % num_folds for step in (0, 1))
    parts = (is_test, is_validation, ~is_test & ~is_validation)
    test, validation, pool = (np.flatnonzero(part & (labels >= 0)) for part in parts)
    return Split(names, labels, test, validation, pool, {})


def _check_numbers(num_folds: int, max_n_per_class: int) -> None:
    require_num_folds(num_folds)
    if max_n_per_class < 1:
        raise InputError(f"data.max_n_per_class={max_n_per_class}: expected a positive number.", field="n_per_class")


def _too_few(source: ImageSource, num_folds: int, n_per_class: int, found: FoldNumbers | None) -> InputError:
    """The error of a source with too few images, and numbers with which it would do."""
    whole = " Images of one capture group stay together." if source.groups else ""
    values: dict[str, object] = {}
    advice = f"Add images: each class needs {LEAST_FOLDS} or more"
    if found is not None:
        values = {"n_per_class": found.n_per_class} if found.n_per_class != n_per_class else {}
        values |= {"data.folds": found.num_folds} if found.num_folds != num_folds else {}
        named = " and ".join(f"{name}={value}" for name, value in values.items())
        advice = f"At most {named} would do, for {found.num_classes} of {len(source.class_names)} classes"
    return InputError(
        f"{source.name}: fewer than two classes are large enough for n_per_class={n_per_class} with data.folds={num_folds}, "
        f"where each network trains on images of {num_folds - 2} of {num_folds} parts of a class.{whole} {advice}",
        field=FIELDS,
        values=values,
    )
