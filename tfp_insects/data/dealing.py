"""How whole units of images are dealt into parts of which each is tested once, as cross-validation has them."""

from typing import NamedTuple

import numpy as np

from tfp_insects.errors import InputError

LEAST_FOLDS = 3  # One part to test, one to choose the epoch, one to train on.
LEAST_CLASSES = 2


class FoldNumbers(NamedTuple):
    """Numbers with which a data set can be cross-validated.

    Attributes:
        num_folds: Parts.
        n_per_class: Training images of each class.
        num_classes: Classes that are large enough.
    """

    num_folds: int
    n_per_class: int
    num_classes: int


def require_num_folds(num_folds: int) -> None:
    """Raises `InputError` for a number of folds with which nothing can be cross-validated."""
    if num_folds < LEAST_FOLDS:
        raise InputError(
            f"data.folds={num_folds}: expected {LEAST_FOLDS} or more for a cross-validation (a part to test, one to choose "
            "the epoch, one or more to train on), or 0 for a single split",
            field="data.folds",
        )


def deal_units(counts: np.ndarray, num_parts: int) -> np.ndarray:
    """Deals whole units into parts that hold about equally many images of each class.

    The largest unit comes first, units of one size in their order. Each goes to the part that has the smallest share of the
    unit's classes so far, and of several such parts to the smallest. So single images of a class are spread to within one.

    Args:
        counts: int64 `[num_units, num_classes]`, images of each class in each unit.
        num_parts: How many parts.

    Returns:
        int64 `[num_units]`, the part of each unit.
    """
    shares = counts / np.maximum(counts.sum(axis=0), 1)  # So that classes of all sizes count alike.
    loads = np.zeros((num_parts, counts.shape[1]))
    parts = np.zeros(len(counts), np.int64)
    for unit in np.argsort(-counts.sum(axis=1), kind="stable"):
        part = int(np.lexsort((loads.sum(axis=1), loads @ shares[unit]))[0])
        parts[unit] = part
        loads[part] += shares[unit]
    return parts


def images_to_train_on(counts: np.ndarray, parts: np.ndarray, num_parts: int) -> np.ndarray:
    """Counts the images of each class that every fold has to train on, where fold k tests part k and validates on the next.

    Args:
        counts: int64 `[num_units, num_classes]`.
        parts: int64 `[num_units]`, see `deal_units`.
        num_parts: How many parts.

    Returns:
        int64 `[num_classes]`, of the fold that has fewest; 0 for a class that a part has no image of.
    """
    loads = np.stack([counts[parts == part].sum(axis=0) for part in range(num_parts)])
    held_out = loads + np.roll(loads, -1, axis=0)
    return np.where(loads.min(axis=0) > 0, counts.sum(axis=0) - held_out.max(axis=0), 0)


def deal_classes(counts: np.ndarray, num_parts: int, n_per_class: int) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Leaves out the classes that are too small, the smallest first, and deals the units anew among those left.

    Args:
        counts: int64 `[num_units, num_classes]`.
        num_parts: How many parts.
        n_per_class: Training images that each fold needs of each class.

    Returns:
        Indices of the classes kept, the part of each unit, and how many training images each class left out has.
    """
    kept = np.arange(counts.shape[1])
    dropped: dict[int, int] = {}
    while True:
        parts = deal_units(counts[:, kept], num_parts)
        left = images_to_train_on(counts[:, kept], parts, num_parts)
        if not len(kept) or left.min() >= n_per_class:
            return kept, parts, dropped
        worst = int(np.argmin(left))
        dropped[int(kept[worst])] = int(left[worst])
        kept = np.delete(kept, worst)


def folds_that_fit(counts: np.ndarray, num_folds: int, n_per_class: int) -> FoldNumbers | None:
    """Finds numbers that the classes have enough images for; each answer has been tried.

    Args:
        counts: int64 `[num_units, num_classes]`.
        num_folds: What was asked for; fewer are tried where classes have not so many images.
        n_per_class: What was asked for; fewer where two classes at least have not so many in any fold.

    Returns:
        The numbers; none where the images do not suffice for any.
    """
    for number in range(num_folds, LEAST_FOLDS - 1, -1):
        left = np.sort(images_to_train_on(counts, deal_units(counts, number), number))[::-1]
        largest = int(left[LEAST_CLASSES - 1]) if len(left) >= LEAST_CLASSES else 0
        for train in range(min(n_per_class, largest), 0, -1):
            num_kept = len(deal_classes(counts, number, train)[0])
            if num_kept >= LEAST_CLASSES:
                return FoldNumbers(number, train, num_kept)
    return None
