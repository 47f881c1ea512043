import dataclasses
import itertools
import json

import numpy as np
import pytest

from tfp_insects.data.dealing import deal_units, folds_that_fit, images_to_train_on
from tfp_insects.data.folds import make_folds
from tfp_insects.data.source import ImageSource, content_digests
from tfp_insects.data.split import Split, make_split, split_to_json, training_subset
from tfp_insects.errors import InputError

SIX = dict.fromkeys(("ant", "bee", "beetle", "fly", "moth", "wasp"), 20)
UNEVEN = {"ant": 33, "bee": 20, "moth": 7}


def make_source(sizes: dict[str, int], per_group: int = 0, num_copies: int = 0) -> ImageSource:
    """Images of different content, but for the last few of each class, which are one; so many in a row are a group."""
    ids = tuple(f"{name}/{i:03}.jpg" for name, size in sizes.items() for i in range(size))
    labels = np.repeat(np.arange(len(sizes), dtype=np.int32), list(sizes.values()))
    first_copy = [size - num_copies for size in sizes.values() for _ in range(size)]
    numbers = [i for size in sizes.values() for i in range(size)]
    contents = [f"{label} {min(i, first)}" for label, i, first in zip(labels, numbers, first_copy, strict=True)]
    groups = tuple(f"{label} {i // per_group}" for label, i in zip(labels, numbers, strict=True)) if per_group else None
    return ImageSource("crops.zip", tuple(sizes), ids, labels, groups, lambda index: contents[index].encode())


def folds_of(source: ImageSource, num_folds: int = 5, n_per_class: int = 3, seed: int = 0) -> Split:
    return make_folds(source, num_folds=num_folds, max_n_per_class=n_per_class, split_seed=seed)


@pytest.mark.parametrize("num_folds", [3, 5])
@pytest.mark.parametrize("source", [make_source(SIX), make_source(UNEVEN), make_source(SIX, per_group=2, num_copies=3)])
def test_each_image_is_tested_once_and_validates_once_and_trains_in_the_other_folds(
    source: ImageSource, num_folds: int
) -> None:
    split = folds_of(source, num_folds, n_per_class=2)
    everything = np.arange(len(source.example_ids)).tolist()
    assert len(split.folds) == num_folds
    for part in ("test", "validation"):
        assert np.sort(np.concatenate([getattr(fold, part) for fold in split.folds])).tolist() == everything
    digests = content_digests(source)
    for k, fold in enumerate(split.folds):
        np.testing.assert_array_equal(fold.validation, split.folds[(k + 1) % num_folds].test)
        assert np.sort(np.concatenate([fold.test, fold.validation, fold.pool])).tolist() == everything
        for name in (
            digests,
            source.groups or digests,
        ):  # Nothing trains on what tests or validates it, or on its like.
            parts = [{name[i] for i in indices} for indices in (fold.test, fold.validation, fold.pool)]
            for one, other in itertools.combinations(parts, 2):
                assert not one & other


def test_single_images_of_a_class_are_spread_to_within_one() -> None:
    split = folds_of(make_source(UNEVEN), n_per_class=3)
    for label, size in enumerate(UNEVEN.values()):
        counts = [int(np.sum(split.labels[fold.test] == label)) for fold in split.folds]
        assert sum(counts) == size
        assert max(counts) - min(counts) <= 1


def test_groups_of_one_class_are_dealt_as_evenly_as_they_can_be() -> None:
    sizes = np.array([7, 5, 4, 4, 3, 3, 2, 2])
    parts = deal_units(sizes[:, None], 3)
    loads = np.bincount(parts, sizes)
    assert loads.tolist() == [10.0, 10.0, 10.0]


def test_the_folds_are_a_function_of_the_images_the_seed_and_their_number() -> None:
    source = make_source(SIX)
    first = json.dumps(split_to_json(source, folds_of(source)))
    assert json.dumps(split_to_json(source, folds_of(source, n_per_class=12))) == first
    assert json.dumps(split_to_json(source, folds_of(source, seed=1))) != first
    assert [sorted(ids) for ids in json.loads(first)["folds"]] == json.loads(first)["folds"]


def test_a_network_gets_as_many_images_as_three_parts_of_five_have() -> None:
    split = folds_of(make_source(SIX), n_per_class=12)
    assert [len(training_subset(fold, 12, 0)) for fold in split.folds] == [72] * 5
    with pytest.raises(InputError, match="At most n_per_class=12 would do, for 6 of 6 classes") as caught:
        folds_of(make_source(SIX), n_per_class=13)
    assert caught.value.values == {"n_per_class": 12}


def test_what_every_fold_can_train_on_is_counted_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, size=(12, 3))
    parts = np.concatenate([np.arange(4), rng.integers(0, 4, 8)])
    for label in range(3):
        loads = [counts[parts == part, label].sum() for part in range(4)]
        pools = [loads[(k + 2) % 4] + loads[(k + 3) % 4] for k in range(4)]
        assert images_to_train_on(counts, parts, 4)[label] == (min(pools) if min(loads) else 0)


def test_classes_that_are_too_small_are_left_out_and_told() -> None:
    split = folds_of(make_source({"ant": 20, "bee": 4, "fly": 9, "moth": 20}), n_per_class=6)
    assert split.class_names == ("ant", "moth")
    assert split.dropped == {"bee": 0, "fly": 5}
    assert set(split.labels[split.test]) == {0, 1}
    assert (split.labels == -1).sum() == 13


@pytest.mark.parametrize(
    ("sizes", "num_folds", "n_per_class", "values"),
    [
        ({"ant": 4, "bee": 4}, 5, 2, {"data.folds": 4}),
        ({"ant": 3, "bee": 40}, 5, 2, {"data.folds": 3, "n_per_class": 1}),
        ({"ant": 20, "bee": 40, "fly": 60}, 5, 100, {"n_per_class": 24}),
    ],
)
def test_what_is_advised_works(sizes: dict[str, int], num_folds: int, n_per_class: int, values: dict[str, int]) -> None:
    with pytest.raises(InputError) as caught:
        folds_of(make_source(sizes), num_folds, n_per_class)
    assert caught.value.values == values
    split = folds_of(make_source(sizes), values.get("data.folds", num_folds), values.get("n_per_class", n_per_class))
    assert len(split.class_names) >= 2
    assert f"for {len(split.class_names)} of {len(sizes)} classes" in str(caught.value)


def test_nothing_is_advised_where_nothing_works() -> None:
    with pytest.raises(InputError, match="Add images: each class needs 3 or more") as caught:
        folds_of(make_source({"ant": 2, "bee": 40}), 5, 2)
    assert caught.value.values == {}


@pytest.mark.parametrize("num_folds", [-1, 1, 2])
def test_too_few_folds_are_refused(num_folds: int) -> None:
    with pytest.raises(InputError, match=f"data.folds={num_folds}: expected 3 or more"):
        folds_of(make_source(SIX), num_folds)


def test_a_split_that_the_images_come_with_does_not_count() -> None:
    source = make_source(SIX)
    parts = tuple("test" if i % 4 == 0 else "train" for i in range(len(source.example_ids)))
    given = folds_of(dataclasses.replace(source, parts=parts))
    assert split_to_json(source, given) == split_to_json(source, folds_of(source))


@pytest.mark.parametrize(("n_per_class", "fewer"), [(5, {}), (50, {"n_per_class": 12})])
def test_who_has_too_few_images_for_a_split_is_told_of_folds(n_per_class: int, fewer: dict[str, int]) -> None:
    source = make_source(SIX)
    with pytest.raises(InputError, match=r"data\.folds=5 with up to n_per_class=") as caught:
        make_split(
            source, num_test_per_class=50, num_validation_per_class=40, max_n_per_class=n_per_class, split_seed=0
        )
    assert caught.value.other_values == {"data.folds": 5, **fewer}
    split = folds_of(source, 5, fewer.get("n_per_class", n_per_class))
    assert split.class_names == source.class_names


def test_no_folds_are_advised_where_none_work() -> None:
    assert folds_that_fit(np.array([[1, 0], [0, 1], [0, 1]]), 5, 5) is None
    assert folds_that_fit(np.ones((9, 1), np.int64), 5, 5) is None
