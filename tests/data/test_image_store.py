import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fixtures.full_disks import full_disk

from tfp_insects.data.image_store import ImageStore
from tfp_insects.errors import InputError

SHAPES = [(4, 5, 3), (1, 1, 3), (7, 2, 3), (4, 5, 3)]


def random_images(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=shape, dtype=np.uint8) for shape in shapes]


def open_files(directory: Path) -> list[str]:
    descriptors = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return [
        target for one in descriptors if one.is_symlink() and (target := os.readlink(one)).startswith(str(directory))
    ]


def test_images_of_any_shape_come_back_in_any_order(tmp_path: Path) -> None:
    images = random_images(SHAPES)
    store = ImageStore(iter(images), tmp_path)
    assert len(store) == 4
    for index in (2, 0, 3, 1, 2):
        found = store.read(index)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, images[index])


def test_an_image_that_is_a_view_is_stored_as_it_is_seen(tmp_path: Path) -> None:
    image = random_images([(6, 6, 3)])[0][::-1, 1:4]
    np.testing.assert_array_equal(ImageStore([image], tmp_path).read(0), image)


def test_threads_may_read_at_once(tmp_path: Path) -> None:
    images = random_images([(8, 8, 3)] * 20)
    store = ImageStore(images, tmp_path)
    numbers = np.random.default_rng(1).integers(20, size=400).tolist()
    with ThreadPoolExecutor(8) as pool:
        for number, found in zip(numbers, pool.map(store.read, numbers), strict=True):
            np.testing.assert_array_equal(found, images[number])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_the_file_has_no_name_and_goes_with_the_store(tmp_path: Path) -> None:
    store = ImageStore(random_images(SHAPES), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(open_files(tmp_path)) == 1
    del store
    gc.collect()
    assert open_files(tmp_path) == []


def test_a_disk_that_is_full_is_named(tmp_path: Path) -> None:
    told = r"cannot keep the decoded images here .*Free some space"
    with full_disk(), pytest.raises(InputError, match=told) as caught:
        ImageStore(random_images([(5, 5, 3), (5, 5, 3)]), tmp_path)
    assert str(caught.value).startswith(str(tmp_path))


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: cannot keep the decoded images here"):
        ImageStore(random_images(SHAPES), tmp_path / "missing")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_nothing_is_left_open_when_reading_an_image_fails(tmp_path: Path) -> None:
    def images() -> Iterator[np.ndarray]:
        yield random_images(SHAPES)[0]
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        ImageStore(images(), tmp_path)
    gc.collect()
    assert open_files(tmp_path) == []
