import numpy as np
import pytest

from tfp_insects.data.held_out import hold_out_classes
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError

CLASSES = ("bee", "fly", "none_bg", "none_dirt")


@pytest.fixture
def source() -> ImageSource:
    labels = np.array([0, 0, 1, 2, 2, 3], np.int32)
    ids = tuple(f"{CLASSES[label]}/{i}.jpg" for i, label in enumerate(labels))
    days = tuple(f"day {i}" for i in range(6))
    return ImageSource("some", CLASSES, ids, labels, days, lambda i: f"image {i}".encode())


def test_takes_the_classes_out_of_one_and_into_another(source: ImageSource) -> None:
    kept, held_out = hold_out_classes(source, "fly, none_b*")
    assert kept.class_names == ("bee", "none_dirt")
    assert held_out.class_names == ("fly", "none_bg")
    assert kept.example_ids == ("bee/0.jpg", "bee/1.jpg", "none_dirt/5.jpg")
    assert held_out.example_ids == ("fly/2.jpg", "none_bg/3.jpg", "none_bg/4.jpg")
    assert kept.labels.tolist() == [0, 0, 1]
    assert held_out.labels.tolist() == [0, 1, 1]
    assert kept.labels.dtype == held_out.labels.dtype == np.int32
    assert [kept.read(i) for i in range(3)] == [b"image 0", b"image 1", b"image 5"]
    assert [held_out.read(i) for i in range(3)] == [b"image 2", b"image 3", b"image 4"]
    assert kept.groups == ("day 0", "day 1", "day 5")


def test_names_a_pattern_without_classes(source: ImageSource) -> None:
    with pytest.raises(
        InputError, match=r"ood_classes=none_\*,wasp: 'wasp' matches no class of some; .* bee, fly, none_bg"
    ):
        hold_out_classes(source, "none_*,wasp")


def test_names_no_more_classes_than_can_be_read() -> None:
    classes = tuple(f"class{index:02d}" for index in range(40))
    many = ImageSource("some", classes, classes, np.arange(40, dtype=np.int32), None, str.encode)
    with pytest.raises(InputError, match=r"class28, class29[^,]*$"):
        hold_out_classes(many, "wasp")


def test_refuses_to_take_all(source: ImageSource) -> None:
    with pytest.raises(InputError, match=r"ood_classes=\*: all classes of some match, none is left"):
        hold_out_classes(source, "*")
