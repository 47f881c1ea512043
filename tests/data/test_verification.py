import dataclasses
import io
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.source import ImageSource, content_digests, fingerprint
from tfp_insects.data.verification import verify_images
from tfp_insects.errors import InputError

REAL_ZIP = Path(__file__).parents[3] / "shared" / "data" / "insects10.zip"


def encode(mode: str, kind: str, colour: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (9, 8), colour).save(file, kind)
    return file.getvalue()


def source_of(contents: list[bytes], num_bees: int = 1) -> ImageSource:
    labels = np.array([0] * (len(contents) - num_bees) + [1] * num_bees, np.int32)
    names = ("ant", "bee")
    return ImageSource(
        name="crops.zip",
        class_names=names,
        example_ids=tuple(f"{names[label]}/{index:03d}.jpg" for index, label in enumerate(labels)),
        labels=labels,
        groups=None,
        read=contents.__getitem__,
    )


GOOD = encode("RGB", "jpeg")
BAD = {
    "truncated": (GOOD[:-20], "truncated or damaged"),
    "text": (b"no image at all", "neither JPEG nor PNG"),
    "empty": (b"", "the file is empty"),
    "gif": (encode("P", "gif"), "a GIF, neither JPEG nor PNG"),
    "truncated png": (encode("RGB", "png")[:-20], "truncated or damaged"),
}


def test_good_images_of_every_kind_pass():
    kinds = [
        ("RGB", "jpeg"),
        ("L", "jpeg"),
        ("CMYK", "jpeg"),
        ("RGB", "png"),
        ("P", "png"),
        ("L", "png"),
        ("RGBA", "png"),
    ]
    source = source_of([encode(*kind) for kind in kinds])
    verified = verify_images(source)
    assert verified.example_ids == source.example_ids
    assert verified.notes == ()


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_a_corrupt_image_among_good_ones_is_named(content, reason):
    source = source_of([GOOD, content, GOOD])
    with pytest.raises(InputError) as caught:
        verify_images(source)
    assert str(caught.value) == (
        f"crops.zip: 1 of 3 images cannot be decoded: ant/001.jpg ({reason}). "
        "Mend or remove them, or set data.on_bad_image to skip to leave them out."
    )


def test_of_many_corrupt_images_the_first_few_are_named():
    source = source_of([GOOD if index % 10 else b"" for index in range(200)])
    with pytest.raises(
        InputError, match=r"20 of 200 .*: ant/000\.jpg .*, ant/040\.jpg \(the file is empty\) and 15 more"
    ):
        verify_images(source)


def test_skipping_leaves_bad_images_out_with_a_warning_each(caplog):
    contents = [content for content, _ in BAD.values()]
    source = source_of([GOOD, *contents, encode("L", "png", 7)])
    with caplog.at_level(logging.WARNING, "tfp_insects"):
        kept = verify_images(source, on_bad_image="skip")
    assert kept.example_ids == ("ant/000.jpg", "bee/006.jpg")
    assert kept.read(1) == encode("L", "png", 7)
    np.testing.assert_array_equal(kept.labels, [0, 1])
    assert [record.getMessage() for record in caplog.records] == [
        f"crops.zip: left out ant/{index:03d}.jpg: {reason}" for index, (_, reason) in enumerate(BAD.values(), start=1)
    ]


def test_an_image_that_cannot_be_read_is_a_bad_one():
    def read(index: int) -> bytes:
        if index == 1:
            raise InputError("member 'ant/001.jpg' is damaged")
        return GOOD

    source = source_of([GOOD] * 3)
    source = ImageSource(**{**vars(source), "read": read})
    with pytest.raises(InputError, match=r"1 of 3 .*ant/001\.jpg \(member 'ant/001\.jpg' is damaged\)"):
        verify_images(source)
    assert verify_images(source, on_bad_image="skip").example_ids == ("ant/000.jpg", "bee/002.jpg")


def test_a_class_must_keep_an_image():
    with pytest.raises(InputError, match=r"no image of class 'bee' can be decoded"):
        verify_images(source_of([GOOD, GOOD, b"", b""], num_bees=2), on_bad_image="skip")


def test_an_unknown_choice_names_the_field():
    with pytest.raises(InputError, match=r"^data\.on_bad_image=ignore: expected error or skip"):
        verify_images(source_of([GOOD, GOOD]), on_bad_image="ignore")


def test_every_image_is_told_of_bad_ones_too():
    seen = []
    source = source_of([GOOD] * 127 + [b"", b"", b""], num_bees=4)
    verify_images(source, "skip", lambda phase, units, of: seen.append((phase, units, of)))
    assert seen == [("verifying images", 64, 130), ("verifying images", 63, 130), ("verifying images", 3, 130)]


def test_images_are_read_once(tmp_path):
    num_reads = [0]

    def read(index: int) -> bytes:
        num_reads[0] += 1
        return GOOD

    source = dataclasses.replace(source_of([GOOD] * 3), read=read)
    verified = verify_images(source)
    assert fingerprint(verified) == fingerprint(source_of([GOOD] * 3))
    assert num_reads == [3]


def test_an_image_in_two_classes_is_named():
    contents = [encode("RGB", "png", colour) for colour in (1, 2, 3, 1, 4, 2)]
    (note,) = verify_images(source_of(contents, num_bees=3)).notes
    assert note == (
        "2 images are in two classes alike, so that one of the labels is wrong: "
        "ant/000.jpg and bee/003.jpg, ant/001.jpg and bee/005.jpg."
    )
    assert verify_images(source_of(contents[:3], num_bees=1)).notes == ()


def test_an_image_in_two_parts_of_a_given_split_is_named():
    contents = [encode("RGB", "png", colour) for colour in (1, 1, 2, 2)]
    source = dataclasses.replace(source_of(contents, num_bees=2), parts=("train", "test", "train", "train"))
    (note,) = verify_images(source).notes
    assert note.startswith("1 image is in two parts of the given split; test images are not trained on")
    assert note.endswith("ant/000.jpg and ant/001.jpg.")


def test_an_image_that_would_take_all_memory_is_not_decoded():
    huge = bytearray(encode("RGB", "png"))
    struct.pack_into(">II", huge, 16, 20_000, 20_000)
    with pytest.raises(InputError, match=r"ant/001\.jpg \(too large: 20,000 x 20,000 pixels, at most 134 million"):
        verify_images(source_of([GOOD, bytes(huge), GOOD]))


@pytest.mark.skipif(not REAL_ZIP.exists(), reason="../shared/data/insects10.zip is not there")
def test_the_real_images_are_all_good():
    source = archive_source(REAL_ZIP)
    verified = verify_images(source)
    assert verified.example_ids == source.example_ids
    assert verified.digests == content_digests(source)
