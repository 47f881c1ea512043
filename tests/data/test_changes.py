import dataclasses

import numpy as np
import pytest

from tfp_insects.data.changes import describe_change, list_images
from tfp_insects.data.source import ImageSource

BEFORE = {"ant/1": "aa", "ant/2": "bb", "bee/1": "cc"}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BEFORE, ""),
        ({**BEFORE, "bee/2": "dd"}, "1 image was added (bee/2)"),
        ({**BEFORE, "bee/2": "cc"}, "1 image was added (bee/2)"),
        ({"ant/1": "aa"}, "2 images were removed (ant/2, bee/1)"),
        ({**BEFORE, "ant/1": "xx"}, "1 image was changed (ant/1)"),
        ({"ant/1": "aa", "ant/2": "bb", "bee/9": "cc"}, "1 image was renamed (bee/1 to bee/9)"),
        (
            {"ant/1": "xx", "bee/7": "bb", "bee/8": "dd"},
            "1 image was added (bee/8), 1 removed (bee/1), 1 changed (ant/1), 1 renamed (ant/2 to bee/7)",
        ),
        (
            {**BEFORE, **{f"fly/{i}": f"{i}" for i in range(1500)}},
            "1,500 images were added (fly/0, fly/1, fly/10 and 1,497 more)",
        ),
    ],
)
def test_what_has_changed_is_counted_and_named(now, expected):
    assert describe_change(BEFORE, now) == expected


def test_without_digests_names_alone_count():
    before = dict.fromkeys(BEFORE, "")
    assert describe_change(before, {**BEFORE, "ant/3": "dd"}) == "1 image was added (ant/3)"
    assert describe_change(before, BEFORE) == ""


def test_a_source_lists_its_images():
    contents = (b"a", b"b", b"a")
    ids = ("ant/1.jpg", "ant/2.jpg", "bee/1.jpg")
    source = ImageSource("x", ("ant", "bee"), ids, np.array([0, 0, 1], np.int32), None, contents.__getitem__)
    images = list_images(source)
    assert tuple(images) == ids
    assert images["ant/1.jpg"] == images["bee/1.jpg"] != images["ant/2.jpg"]
    assert len(images["ant/1.jpg"]) == 64
    assert describe_change(images, list_images(dataclasses.replace(source, name="y"))) == ""
