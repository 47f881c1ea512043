"""Numbers of held-out images that a small data set has enough images for."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tfp_insects.data.dealing import LEAST_CLASSES, FoldNumbers

USUAL_FOLDS = 5


class Numbers(NamedTuple):
    """Images of each class.

    Attributes:
        train: Of the largest training subset.
        test: Of the test.
        validation: Of the validation.
    """

    train: int
    test: int
    validation: int


def numbers_that_fit(
    class_sizes: Sequence[int], needed: Numbers, num_kept: Callable[[Numbers], int]
) -> tuple[Numbers, int] | None:
    """Finds numbers that the classes have enough images for.

    As many training images as were asked for are kept if that can be, and as many classes as then can be; test and validation
    images get what is left, in the ratio that was asked for. Each answer has been tried, as capture groups and equal images
    that stay together can make less of a class than it counts.

    Args:
        class_sizes: Images of each class.
        needed: What was asked for; a 0 stands for a part that is not cut, and stays 0.
        num_kept: How many classes are large enough for some numbers.

    Returns:
        The numbers, and how many classes they keep; none where the images do not suffice for any.
    """
    sizes = sorted(class_sizes, reverse=True)
    for train in _halved(needed.train, 1):
        for num_classes in _halved(len(sizes), LEAST_CLASSES):
            for num_held_out in _shrinking(sizes[num_classes - 1] - train, needed):
                numbers = _shared(train, num_held_out, needed)
                kept = num_kept(numbers)
                if kept >= num_classes:
                    return numbers, kept
    return None


def or_by_folds(found: FoldNumbers | None) -> str:
    """The end of a sentence that advises cross-validation, where that can be."""
    if found is None:
        return ""
    return (
        f". Or let each image be tested once (cross-validation): data.folds={found.num_folds} with up to "
        f"n_per_class={found.n_per_class} would do for {found.num_classes} classes"
    )


def values_of_folds(found: FoldNumbers | None, n_per_class: int) -> dict[str, object]:
    """The same as values of fields."""
    if found is None:
        return {}
    fewer = {"n_per_class": found.n_per_class} if found.n_per_class < n_per_class else {}
    return {**fewer, "data.folds": found.num_folds}


def _halved(value: int, least: int) -> list[int]:
    """The value, its half, its quarter and so on; those that are not below `least`."""
    return [value >> i for i in range(value.bit_length()) if value >> i >= least]


def _shrinking(available: int, needed: Numbers) -> list[int]:
    """Numbers of held-out images to try, from all that are left to one for each part that is cut."""
    least = (needed.test > 0) + (needed.validation > 0)
    number, found = min(available, needed.test + needed.validation), []
    while number >= least:
        found.append(number)
        number = min(number - 1, number * 3 // 4)
    return found


def _shared(train: int, num_held_out: int, needed: Numbers) -> Numbers:
    asked = needed.test + needed.validation
    validation = num_held_out * needed.validation // asked if asked else 0
    validation = max(validation, min(needed.validation, 1))
    return Numbers(train, min(num_held_out - validation, needed.test), validation)
