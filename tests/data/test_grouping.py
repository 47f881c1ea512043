import numpy as np
import pytest

from tfp_insects.data.grouping import POOL, TEST, VALIDATION, assign_units, find_units, seeded_order
from tfp_insects.data.source import ImageSource


def source_of(contents: str, groups: str | None = None) -> ImageSource:
    """One image a letter; equal letters are equal contents, or equal groups."""
    return ImageSource(
        name="letters",
        class_names=("ant", "bee"),
        example_ids=tuple(f"ant/{index:02d}.jpg" for index in range(len(contents))),
        labels=np.zeros(len(contents), np.int32),
        groups=tuple(groups) if groups else None,
        read=lambda index: contents[index].encode(),
    )


def together(units: np.ndarray) -> list[set[int]]:
    return sorted(({*np.flatnonzero(units == unit).tolist()} for unit in np.unique(units)), key=min)


def test_seeded_order_is_a_permutation_that_follows_seed_and_purpose():
    names = [str(index) for index in range(50)]
    order = seeded_order(names, "unit", 0)
    assert sorted(order) == list(range(50))
    np.testing.assert_array_equal(order, seeded_order(names, "unit", 0))
    assert order.tolist() != seeded_order(names, "unit", 1).tolist()
    assert order.tolist() != seeded_order(names, "train", 0).tolist()


def test_seeded_order_of_two_names_does_not_depend_on_others():
    names = [str(index) for index in range(50)]
    few = [name for name in names if int(name) % 3]
    in_all = [names[index] for index in seeded_order(names, "unit", 0)]
    assert [few[index] for index in seeded_order(few, "unit", 0)] == [name for name in in_all if name in few]


@pytest.mark.parametrize(
    ("contents", "groups", "expected"),
    [
        ("abcd", None, [{0}, {1}, {2}, {3}]),
        ("abad", None, [{0, 2}, {1}, {3}]),
        ("abcd", "xyxz", [{0, 2}, {1}, {3}]),
        ("abcdbe", "xxyyzw", [{0, 1, 4}, {2, 3}, {5}]),  # the content b links the groups x and z
        ("abcb", "xyzx", [{0, 1, 3}, {2}]),
    ],
)
def test_units_are_linked_by_groups_and_contents(contents, groups, expected):
    units = find_units(source_of(contents, groups), 0)
    assert together(units) == expected
    assert sorted(set(units.tolist())) == list(range(len(expected)))


def test_units_are_numbered_in_a_seeded_order_of_their_names():
    contents = "".join(chr(ord("a") + index) for index in range(20))
    source = source_of(contents)
    np.testing.assert_array_equal(np.argsort(find_units(source, 3)), seeded_order(source.example_ids, "unit", 3))
    groups = "zyxwzyxwzyxwzyxwzyxw"
    names = ["w", "x", "y", "z"]
    expected = [names[index] for index in seeded_order(names, "unit", 3)]
    units = find_units(source_of(contents, groups), 3)
    assert [groups[int(np.flatnonzero(units == unit)[0])] for unit in range(4)] == expected


def test_single_images_are_taken_in_order():
    ant, bee = [1, 0], [0, 1]
    counts = np.array([ant, ant, bee, ant, bee, bee, ant, bee])
    expected = [TEST, TEST, TEST, VALIDATION, TEST, VALIDATION, POOL, POOL]
    np.testing.assert_array_equal(assign_units(counts, num_test=2, num_validation=1), expected)


def test_a_unit_that_wastes_little_goes_before_one_that_wastes_much():
    counts = np.array([[90, 4], [2, 0], [0, 2], [5, 2]])
    # For validation unit 0 would give (2/97 + 2/8) / (90/97 + 4/8) = 0.19 of itself, unit 3 gives 0.90.
    np.testing.assert_array_equal(assign_units(counts, num_test=2, num_validation=2), [POOL, TEST, TEST, VALIDATION])


def test_an_image_of_a_scarce_class_weighs_more():
    counts = np.array([[2, 6], [6, 2], [192, 0]])
    # Half of the images of units 0 and 1 would be tested on, but (2/200 + 2/8) / (2/200 + 6/8) = 0.34 and 0.93.
    np.testing.assert_array_equal(assign_units(counts, num_test=2, num_validation=1), [VALIDATION, TEST, POOL])


def test_a_group_of_any_size_is_taken_where_a_class_lacks_an_image() -> None:
    counts = np.array([[5000], [6000], [7000]])
    np.testing.assert_array_equal(assign_units(counts, num_test=1, num_validation=1), [TEST, VALIDATION, POOL])


def test_a_class_that_has_too_little_gets_what_there_is():
    np.testing.assert_array_equal(assign_units(np.array([[3], [2]]), num_test=4, num_validation=1), [TEST, TEST])
