"""The advice of an error is followed literally, and works."""

import dataclasses
import re

import numpy as np
import pytest

from tfp_insects.data.source import ImageSource
from tfp_insects.data.split import Split, make_split, training_subset
from tfp_insects.data.split_advice import Numbers, numbers_that_fit
from tfp_insects.errors import InputError

DEFAULTS = {"n_per_class": 5, "data.num_test_per_class": 50, "data.num_validation_per_class": 40}


def make_source(class_sizes: list[int], per_group: int = 0) -> ImageSource:
    """Images of different content; with `per_group`, so many in a row belong together."""
    ids = tuple(f"class {label}/{i}.jpg" for label, size in enumerate(class_sizes) for i in range(size))
    groups = tuple(f"{name.split('/')[0]} {i // per_group}" for i, name in enumerate(ids)) if per_group else None
    labels = np.repeat(np.arange(len(class_sizes), dtype=np.int32), class_sizes)
    names = tuple(f"class {label}" for label in range(len(class_sizes)))
    return ImageSource("crops.zip", names, ids, labels, groups, lambda index: ids[index].encode())


def split_with(source: ImageSource, values: dict[str, int]) -> Split:
    return make_split(
        source,
        num_test_per_class=values["data.num_test_per_class"],
        num_validation_per_class=values["data.num_validation_per_class"],
        max_n_per_class=values["n_per_class"],
        split_seed=0,
    )


def error_of(source: ImageSource, values: dict[str, int]) -> InputError:
    with pytest.raises(InputError) as caught:
        split_with(source, values)
    return caught.value


def test_twenty_images_of_each_of_six_classes() -> None:
    error = error_of(make_source([20] * 6), DEFAULTS)
    # 15 are left beside 5 for training: 15 * 40 // 90 for validation, the others for the test.
    assert error.values == {"data.num_test_per_class": 9, "data.num_validation_per_class": 6}
    assert "data.num_test_per_class=9, data.num_validation_per_class=6 would do for 6 of 6 classes." in str(error)


@pytest.mark.parametrize(
    ("class_sizes", "per_group", "n_per_class"),
    [([20] * 6, 0, 5), ([20] * 6, 4, 5), ([12, 20, 31, 7, 3], 0, 5), ([20] * 6, 0, 50), ([8, 3], 0, 5), ([50] * 3, 9, 20)],
)  # fmt: skip
def test_what_is_advised_works(class_sizes: list[int], per_group: int, n_per_class: int) -> None:
    source = make_source(class_sizes, per_group)
    asked = DEFAULTS | {"n_per_class": n_per_class}
    error = error_of(source, asked)
    values = asked | error.values
    split = split_with(source, values)
    num_kept = int(re.search(r"would do for (\d+) of", str(error))[1])
    assert len(split.class_names) == num_kept >= 2
    assert np.bincount(split.labels[split.test]).tolist() == [values["data.num_test_per_class"]] * num_kept
    assert len(training_subset(split, values["n_per_class"], 0)) == values["n_per_class"] * num_kept


def test_a_part_that_is_given_stays_as_it_is() -> None:
    source = make_source([20, 20])
    parts = tuple("test" if int(name.split("/")[1][:-4]) < 4 else "train" for name in source.example_ids)
    source = dataclasses.replace(source, parts=parts)
    error = error_of(source, DEFAULTS)
    assert error.values == {"data.num_validation_per_class": 11}
    assert split_with(source, DEFAULTS | error.values).class_names == source.class_names


def test_nothing_is_advised_where_nothing_works() -> None:
    error = error_of(make_source([2, 40]), DEFAULTS)
    assert error.values == {}
    assert "would do" not in str(error)


def test_fewer_training_images_come_before_fewer_than_two_classes() -> None:
    assert numbers_that_fit([8, 8], Numbers(8, 2, 2), lambda numbers: 2 if sum(numbers) <= 8 else 0) == ((4, 2, 2), 2)
