"""Splits that data sets come with: kept as they are, and completed where a part is missing."""

import dataclasses

import numpy as np
import pytest

from tfp_insects.data.source import ImageSource, content_digests
from tfp_insects.data.split import Split, make_split, split_to_json, training_subset
from tfp_insects.errors import InputError

CLASSES = ("ant", "bee", "fly")


def make_source(**sizes: tuple[int, ...]) -> ImageSource:
    """Images of different content; `sizes` gives the number of each class in each part."""
    rows = [
        (f"{part}/{name}/{i}.jpg", label, part)
        for part, counts in sizes.items()
        for label, (name, count) in enumerate(zip(CLASSES, counts, strict=True))
        for i in range(count)
    ]
    ids, labels, parts = zip(*sorted(rows), strict=True)
    return ImageSource(
        "insects", CLASSES, ids, np.array(labels, np.int32), None, lambda i: ids[i].encode(), parts=tuple(parts)
    )


def split_of(source: ImageSource, test: int = 2, validation: int = 3, max_n: int = 4, seed: int = 0) -> Split:
    return make_split(
        source,
        num_test_per_class=test,
        num_validation_per_class=validation,
        max_n_per_class=max_n,
        split_seed=seed,
    )


def ids_of(source: ImageSource, indices: np.ndarray) -> set[str]:
    return {source.example_ids[index] for index in indices}


def part_ids(source: ImageSource, part: str) -> set[str]:
    return {name for name in source.example_ids if name.startswith(part)}


def test_given_parts_are_kept_whole_whatever_numbers_are_asked_for() -> None:
    source = make_source(train=(9, 8, 7), validation=(3, 1, 5), test=(4, 6, 2))
    split = split_of(source, test=50, validation=40)
    assert split.class_names == CLASSES
    assert split.given == ("test", "validation")
    assert ids_of(source, split.test) == part_ids(source, "test")
    assert ids_of(source, split.validation) == part_ids(source, "validation")
    assert ids_of(source, split.pool) == part_ids(source, "train")
    np.testing.assert_array_equal(split.labels, source.labels)
    for part in (split.test, split.validation, split.pool):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


def test_training_subsets_are_drawn_from_the_training_part() -> None:
    source = make_source(train=(9, 8, 7), validation=(3, 1, 5), test=(4, 6, 2))
    split = split_of(source)
    small, large = training_subset(split, 2, 1), training_subset(split, 4, 1)
    assert set(small) < set(large)
    assert np.bincount(source.labels[large]).tolist() == [4, 4, 4]
    assert ids_of(source, large) <= part_ids(source, "train")


def test_one_class_that_is_left_is_too_few() -> None:
    with pytest.raises(InputError, match=r"1 of 3 classes are large enough, at least two are needed"):
        split_of(make_source(train=(9, 1, 1), test=(3, 3, 3)))


@pytest.mark.parametrize(("given", "cut", "count"), [("test", "validation", 3), ("validation", "test", 2)])
def test_a_missing_part_is_cut_from_the_training_part(given: str, cut: str, count: int) -> None:
    source = make_source(train=(9, 8, 7), **{given: (3, 1, 5)})
    split = split_of(source)
    assert split.given == (given,)
    assert ids_of(source, getattr(split, given)) == part_ids(source, given)
    was_cut = getattr(split, cut)
    assert np.bincount(source.labels[was_cut]).tolist() == [count] * 3
    assert ids_of(source, was_cut) | ids_of(source, split.pool) == part_ids(source, "train")
    assert not set(was_cut) & set(split.pool)
    assert ids_of(source, getattr(split_of(source, seed=1), cut)) != ids_of(source, was_cut)


def test_classes_with_too_few_training_images_are_left_out_of_all_parts() -> None:
    source = make_source(train=(9, 3, 7), validation=(3, 1, 5), test=(4, 6, 2))
    split = split_of(source)
    assert split.class_names == ("ant", "fly")
    assert split.dropped == {"bee": 3}
    assert ids_of(source, split.test) == {name for name in part_ids(source, "test") if "/bee/" not in name}
    assert split.labels[source.labels == 1].tolist() == [-1] * 10
    with pytest.raises(
        InputError, match=r"0 of 3 classes .* needs 0 test images, 0 validation images and 99 for training"
    ):
        split_of(source, max_n=99)


def test_images_in_several_parts_stay_in_the_strictest_alone() -> None:
    source = make_source(train=(9, 8, 7), validation=(3, 3, 5), test=(4, 6, 2))
    twins = {
        "train/ant/0.jpg": "test/ant/0.jpg",
        "train/bee/0.jpg": "validation/bee/0.jpg",
        "validation/fly/0.jpg": "test/fly/0.jpg",
        "train/fly/1.jpg": "train/fly/0.jpg",
    }
    contents = [twins.get(name, name).encode() for name in source.example_ids]
    split = split_of(dataclasses.replace(source, read=contents.__getitem__))
    assert ids_of(source, split.test) == part_ids(source, "test")
    assert ids_of(source, split.validation) == part_ids(source, "validation") - {"validation/fly/0.jpg"}
    assert ids_of(source, split.pool) == part_ids(source, "train") - {"train/ant/0.jpg", "train/bee/0.jpg"}
    digests = content_digests(dataclasses.replace(source, read=contents.__getitem__))
    test, validation, pool = ({digests[i] for i in part} for part in (split.test, split.validation, split.pool))
    assert not test & validation
    assert not (test | validation) & pool


def test_a_class_whose_test_images_are_all_elsewhere_too_is_named() -> None:
    source = make_source(train=(9, 8, 7), validation=(3, 1, 5), test=(4, 6, 2))
    contents = [name.replace("validation/bee/0", "test/bee/0").encode() for name in source.example_ids]
    with pytest.raises(
        InputError, match=r"insects: the given split has no validation image of class 'bee' that is not in"
    ):
        split_of(dataclasses.replace(source, read=contents.__getitem__))


def test_a_training_part_that_is_a_copy_of_the_test_part_is_refused() -> None:
    source = make_source(train=(4, 4, 4), test=(4, 4, 4))
    contents = [name.partition("/")[2].encode() for name in source.example_ids]
    with pytest.raises(InputError, match=r"insects: every training image of the given split is in its test .* too"):
        split_of(dataclasses.replace(source, read=contents.__getitem__))


def test_the_record_of_a_split_says_what_was_given() -> None:
    source = make_source(train=(9, 8, 7), test=(4, 6, 2))
    assert split_to_json(source, split_of(source))["given"] == ["test"]
    ungiven = dataclasses.replace(source, parts=None)
    assert "given" not in split_to_json(ungiven, split_of(ungiven))
