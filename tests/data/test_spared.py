import dataclasses

import numpy as np

from tfp_insects.data.config import DataConfig
from tfp_insects.data.source import ImageSource
from tfp_insects.data.spared import without_validation_images
from tfp_insects.data.split import make_split

CHOSEN_ON = DataConfig(split_seed=3, num_test_per_class=5, num_validation_per_class=4)


def make_source(copies: dict[int, int]) -> ImageSource:
    ids = tuple(f"{name}/{i:03d}.jpg" for name in ("ant", "bee") for i in range(30))
    return ImageSource(
        name="crops.zip",
        class_names=("ant", "bee"),
        example_ids=ids,
        labels=np.repeat(np.arange(2, dtype=np.int32), 30),
        groups=None,
        read=lambda index: ids[copies.get(index, index)].encode(),
    )


def validating(source: ImageSource) -> set[str]:
    split = make_split(
        source, num_test_per_class=5, num_validation_per_class=4, max_n_per_class=10, split_seed=CHOSEN_ON.split_seed
    )
    return {source.example_ids[index] for index in split.validation}


def test_images_by_which_was_chosen_are_in_no_part_of_any_split() -> None:
    source = make_source({})
    left = without_validation_images(source, CHOSEN_ON)
    assert set(source.example_ids) - set(left.example_ids) == validating(source)
    assert [left.read(i) for i in range(len(left.example_ids))] == [name.encode() for name in left.example_ids]
    np.testing.assert_array_equal(left.labels, [name.startswith("bee") for name in left.example_ids])


def test_nor_are_their_copies() -> None:
    chosen = sorted(name for name in validating(make_source({})) if name.startswith("ant"))
    first, copy = (make_source({}).example_ids.index(name) for name in (chosen[0], "ant/029.jpg"))
    source = make_source({copy: first})
    left = without_validation_images(source, CHOSEN_ON)
    contents = {left.read(i) for i in range(len(left.example_ids))}
    spared = [i for i, name in enumerate(source.example_ids) if name in validating(source)]
    assert contents.isdisjoint({source.read(i) for i in spared})
    assert dataclasses.replace(left, read=source.read).class_names == source.class_names
