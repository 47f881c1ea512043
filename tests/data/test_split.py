import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.source import ImageSource, content_digests
from tfp_insects.data.split import Split, make_split, split_to_json, training_subset
from tfp_insects.errors import InputError

REAL_ZIP = Path(__file__).parents[3] / "shared" / "data" / "insects10.zip"
SEEDS = range(20)


def make_source(num_images: dict[str, int], groups: dict[str, list[str]] | None = None) -> ImageSource:
    """Images of different content; `groups` gives the group of each image of each class."""
    example_ids = tuple(f"{name}/{index:04d}.jpg" for name, count in num_images.items() for index in range(count))
    return ImageSource(
        name="crops.zip",
        class_names=tuple(num_images),
        example_ids=example_ids,
        labels=np.repeat(np.arange(len(num_images), dtype=np.int32), list(num_images.values())),
        groups=tuple(group for name in num_images for group in groups[name]) if groups else None,
        read=lambda index: example_ids[index].encode(),
    )


def with_duplicates(source: ImageSource, share: float, seed: int) -> ImageSource:
    """Gives some images, chosen at random, the content of another image."""
    chance = np.random.default_rng(seed)
    twin = np.arange(len(source.example_ids))
    copies = chance.random(len(twin)) < share
    twin[copies] = chance.integers(0, len(twin), copies.sum())
    return dataclasses.replace(source, read=lambda index: source.read(int(twin[index])))


def in_days(num_images: dict[str, int], num_days: int, seed: int) -> ImageSource:
    """Every class has its own busy days, and every day shows many classes."""
    chance = np.random.default_rng(seed)
    groups = {
        name: [f"day {day}" for day in chance.choice(num_days, count, p=chance.dirichlet(np.full(num_days, 0.3)))]
        for name, count in num_images.items()
    }
    return make_source(num_images, groups)


def split_of(source: ImageSource, test: int = 5, validation: int = 4, max_n: int = 10, seed: int = 0) -> Split:
    return make_split(
        source,
        num_test_per_class=test,
        num_validation_per_class=validation,
        max_n_per_class=max_n,
        split_seed=seed,
    )


def ids_of(source: ImageSource, indices: np.ndarray, class_name: str = "") -> list[str]:
    return [source.example_ids[index] for index in indices if source.example_ids[index].startswith(class_name)]


def assert_apart(source: ImageSource, split: Split) -> None:
    """No image, content or capture group is in two of test, validation and pool."""
    parts = (split.test, split.validation, split.pool)
    digests = content_digests(source)
    for names in (source.example_ids, digests, source.groups):
        if names is not None:
            first, second, third = ({names[index] for index in part} for part in parts)
            assert not first & second
            assert not (first | second) & third


def assert_exact(split: Split, test: int, validation: int, max_n: int) -> None:
    num_classes = len(split.class_names)
    assert np.bincount(split.labels[split.test]).tolist() == [test] * num_classes
    assert np.bincount(split.labels[split.validation]).tolist() == [validation] * num_classes
    assert (np.bincount(split.labels[split.pool]) >= max_n).all()


SIZES = {"ant": 60, "bee": 45, "fly": 200, "moth": 30, "wasp": 90}


@pytest.mark.parametrize("seed", SEEDS)
def test_without_groups_every_image_is_used_and_counts_are_exact(seed):
    source = make_source(SIZES)
    split = split_of(source, seed=seed)
    assert split.class_names == tuple(SIZES)
    assert split.dropped == {}
    assert_exact(split, 5, 4, 10)
    everything = np.concatenate([split.test, split.validation, split.pool])
    assert sorted(everything) == list(range(len(source.example_ids)))
    for part in (split.test, split.validation, split.pool):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(split.labels, source.labels)
    assert split.labels.dtype == np.int32


@pytest.mark.parametrize("seed", SEEDS)
def test_identical_images_stay_together(seed):
    source = with_duplicates(make_source(SIZES), 0.2, seed)
    split = split_of(source, seed=seed)
    assert_apart(source, split)
    assert_exact(split, 5, 4, 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_capture_groups_stay_together(seed):
    source = with_duplicates(in_days(SIZES, 60, seed), 0.01, seed)
    split = split_of(source, seed=seed)
    assert_apart(source, split)
    assert_exact(split, 5, 4, 10)


def test_a_split_repeats_under_its_seed_only():
    source = in_days(SIZES, 60, 0)
    first, again, other = (json.dumps(split_to_json(source, split_of(source, seed=seed))) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize("seed", SEEDS)
def test_other_classes_do_not_change_the_split_and_subset_of_a_class(seed):
    few, more = make_source({"bee": 40, "wasp": 50}), make_source({"ant": 60, "bee": 40, "cricket": 12, "wasp": 50})
    split_few, split_more = split_of(few, seed=seed), split_of(more, seed=seed)
    assert split_more.dropped == {"cricket": 3}
    for part in ("test", "validation", "pool"):
        for name in ("bee", "wasp"):
            assert ids_of(few, getattr(split_few, part), name) == ids_of(more, getattr(split_more, part), name)
    drawn_few, drawn_more = training_subset(split_few, 7, seed), training_subset(split_more, 7, seed)
    assert ids_of(few, drawn_few, "wasp") == ids_of(more, drawn_more, "wasp")


@pytest.mark.parametrize("seed", SEEDS)
def test_subsets_are_nested_exact_and_seeded(seed):
    source = in_days(SIZES, 60, 0)
    split = split_of(source)
    subsets = [training_subset(split, n, seed) for n in (1, 2, 5, 10)]
    for n, subset in zip((1, 2, 5, 10), subsets, strict=True):
        assert np.bincount(split.labels[subset]).tolist() == [n] * len(split.class_names)
        assert set(subset) <= set(split.pool)
        assert subset.dtype == np.int64
        np.testing.assert_array_equal(subset, training_subset(split, n, seed))
    for smaller, larger in itertools.pairwise(subsets):
        assert set(smaller) < set(larger)
    assert set(subsets[-1]) != set(training_subset(split, 10, seed + 1))


def test_a_split_cannot_be_changed_once_it_is_made():
    split = split_of(make_source(SIZES))
    with pytest.raises(dataclasses.FrozenInstanceError):
        split.__setattr__("test", split.pool)


def test_subsets_do_not_depend_on_the_largest_size_asked_for():
    source = make_source(SIZES)
    small, large = split_of(source, max_n=1), split_of(source, max_n=20)
    np.testing.assert_array_equal(training_subset(small, 20, 0), training_subset(large, 20, 0))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_split_is_decided_by_the_classes_kept_not_by_the_size_asked_for(seed):
    source = in_days(SIZES, 60, seed)
    splits = {max_n: split_of(source, max_n=max_n, seed=seed) for max_n in (1, 5, 10, 20, 40)}
    by_classes: dict[tuple[str, ...], str] = {}
    for split in splits.values():
        record = json.dumps(split_to_json(source, split))
        assert by_classes.setdefault(split.class_names, record) == record
    assert len(by_classes) < len(splits)


def test_classes_that_are_too_small_are_dropped_and_counted():
    source = make_source({"ant": 29, "bee": 28, "fly": 9, "moth": 3, "wasp": 30})
    split = split_of(source, test=5, validation=4, max_n=20)
    assert split.class_names == ("ant", "wasp")
    assert split.dropped == {"bee": 19, "fly": 0, "moth": 0}
    np.testing.assert_array_equal(np.unique(split.labels[source.labels == 4]), [1])
    np.testing.assert_array_equal(np.unique(split.labels[(source.labels > 0) & (source.labels < 4)]), [-1])
    assert {source.example_ids[index].split("/")[0] for index in split.pool} == {"ant", "wasp"}
    assert_exact(split, 5, 4, 20)


def test_a_class_of_one_day_is_dropped_and_leaves_that_day_to_the_others():
    days = [f"day {index % 10}" for index in range(100)]
    source = make_source({"ant": 100, "bee": 100, "fly": 100}, {"ant": days, "bee": days, "fly": ["day 0"] * 100})
    split = split_of(source, test=10, validation=10, max_n=70)
    assert split.class_names == ("ant", "bee")
    assert split.dropped == {"fly": 0}
    assert_exact(split, 10, 10, 70)  # one day each for test and validation, the eight others are the pool
    assert len(split.pool) == 160


def test_surplus_images_of_test_groups_are_not_trained_on():
    groups = {name: [f"day {index // 10}" for index in range(50)] for name in ("ant", "bee")}
    source = make_source({"ant": 50, "bee": 50}, groups)
    split = split_of(source, test=3, validation=2, max_n=30)
    assert_exact(split, 3, 2, 30)
    assert len(split.pool) == 60
    assert_apart(source, split)


@pytest.mark.parametrize("seed", range(3))
def test_insect_detect_keeps_most_classes_that_are_large_enough(seed):
    sizes = [1097, 1061, 294, 1262, 520, 776, 199, 390, 185, 1717, 177, 319, 1662, 2518, 1954, 1358, 593, 374, 488, 228]
    sizes += [851, 67, 838, 647, 790, 120, 515]
    source = in_days({f"class {index:02d}": size for index, size in enumerate(sizes)}, 150, seed)
    for max_n, num_large_enough in ((500, 14), (100, 23)):
        split = split_of(source, test=50, validation=40, max_n=max_n, seed=seed)
        assert_exact(split, 50, 40, max_n)
        assert num_large_enough - 3 <= len(split.class_names) <= num_large_enough
    assert_apart(source, split)


def test_images_that_groups_leave_for_training_are_counted_and_none_where_the_test_lacks_some():
    # Of the bees' three days one is tested, one validates and one is trained on; the flies have one day.
    days = {"ant": [f"a {i}" for i in range(60)], "bee": [f"b {i % 3}" for i in range(60)], "fly": ["f"] * 60}
    days["wasp"] = [f"w {i}" for i in range(60)]
    split = split_of(make_source(dict.fromkeys(days, 60), days), test=5, validation=4, max_n=40)
    assert split.class_names == ("ant", "wasp")
    assert split.dropped == {"bee": 20, "fly": 0}


def test_the_split_of_no_fold_is_the_whole():
    source = make_source({"ant": 60, "bee": 60})
    split, fold = (split_of(source, test=5, validation=4, max_n=20, seed=seed) for seed in (0, 1))
    whole = dataclasses.replace(split, folds=(fold,))
    assert whole.of_fold(None) is whole
    assert whole.of_fold(0) is fold


def test_fewer_than_two_classes_left_names_the_ways_out():
    with pytest.raises(InputError) as caught:
        split_of(make_source({"ant": 100, "bee": 20, "fly": 5}), test=5, validation=4, max_n=12)
    message = str(caught.value)
    assert message.startswith("crops.zip: 1 of 3 classes are large enough, at least two are needed. ")
    assert (
        "needs 5 test images, 4 validation images and 12 for training; left for training are: bee 11, fly 0." in message
    )
    assert "n_per_class" in message
    assert "data.num_test_per_class, data.num_validation_per_class" in message
    assert caught.value.fields == ("n_per_class", "data.num_test_per_class", "data.num_validation_per_class")
    assert "add images of each class" in message
    assert "capture group" not in message


def test_capture_groups_that_leave_too_few_classes_are_mentioned():
    days = ["day 0"] * 50 + ["day 1"] * 50
    with pytest.raises(InputError, match=r"0 of 2 classes .* Images of one capture group stay together\."):
        split_of(make_source({"ant": 100, "bee": 100}, {"ant": days, "bee": days}))


def test_of_many_classes_the_first_are_named():
    source = make_source({f"class {index:02d}": 3 for index in range(30)})
    with pytest.raises(InputError, match=r"class 00 0, .*class 11 0 and 18 classes more\. .* Ask"):
        split_of(source)


@pytest.mark.parametrize("field", ["num_test_per_class", "num_validation_per_class", "max_n_per_class"])
def test_a_number_that_is_not_positive_names_its_field(field):
    numbers = {"num_test_per_class": 5, "num_validation_per_class": 4, "max_n_per_class": 10, "split_seed": 0}
    with pytest.raises(InputError, match=rf"^data\.{field}=0: expected a positive number"):
        make_split(make_source(SIZES), **(numbers | {field: 0}))


def test_a_subset_that_is_too_large_or_empty_names_the_flag():
    split = split_of(make_source(SIZES))
    with pytest.raises(InputError, match=r"^n_per_class=22: class 'moth' has only 21 images .*max_n_per_class to 22"):
        training_subset(split, 22, 0)
    with pytest.raises(InputError, match=r"^n_per_class=0: expected a positive number"):
        training_subset(split, 0, 0)


def test_a_split_is_stored_by_names():
    source = make_source({"ant": 4, "bee": 3, "fly": 1})
    split = split_of(source, test=1, validation=1, max_n=1)
    record = json.loads(json.dumps(split_to_json(source, split)))
    assert list(record) == ["class_names", "test", "validation", "pool"]
    assert record["class_names"] == ["ant", "bee"]
    assert sorted(record["test"] + record["validation"] + record["pool"]) == list(source.example_ids[:-1])
    assert record["test"] == ids_of(source, split.test)


@pytest.mark.skipif(not REAL_ZIP.exists(), reason="../shared/data/insects10.zip is not there")
def test_the_real_images():
    source = archive_source(REAL_ZIP)
    split = split_of(source, test=50, validation=40, max_n=400)
    assert len(split.class_names) == 10
    assert_exact(split, 50, 40, 400)
    assert_apart(source, split)
    assert len(training_subset(split, 400, 0)) == 4000
