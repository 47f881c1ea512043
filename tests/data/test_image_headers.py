import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfp_insects.data.image_headers import MAX_PIXELS, PIXELS_AT_ONCE, image_size, in_groups, objection
from tfp_insects.data.images import decode_image


def encode(form: str, size: tuple[int, int] = (9, 7), mode: str = "RGB", **options) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form, **options)
    return stream.getvalue()


def claiming(width: int, height: int, form: str) -> bytes:
    """A small file whose header claims another size."""
    content = bytearray(encode(form))
    if form == "JPEG":
        struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, height, width)
    else:
        struct.pack_into(">II", content, 16, width, height)
        struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    return bytes(content)


GOOD_JPEG = encode("JPEG")
GOOD = {
    "jpeg": GOOD_JPEG,
    "progressive": encode("JPEG", progressive=True),
    "grey": encode("JPEG", mode="L"),
    "four inks": encode("JPEG", mode="CMYK"),
    "a long segment": encode("JPEG", comment=bytes(5000)),
    "bytes between segments": GOOD_JPEG[:20] + b"\0junk\xff\0" + GOOD_JPEG[20:],
    "fill bytes before a marker": GOOD_JPEG[:20] + b"\xff" * 9 + GOOD_JPEG[20:],
    "png": encode("PNG"),
    "one pixel": encode("PNG", (1, 1)),
    "a line": encode("JPEG", (1, 5000)),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_the_size_is_that_of_the_decoded_image(content):
    assert image_size(content) == Image.open(io.BytesIO(content)).size
    assert decode_image(tf.constant(content), 10_000).shape[:2] == image_size(content)[::-1]
    assert objection(content) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        GOOD["jpeg"][:30],
        b"\xff" * 99,
        b"\xff\xd8" + b"\xff\0" * 2**20,
    ],
)
def test_what_is_cut_off_has_no_size(content):
    assert image_size(content) is None


@pytest.mark.parametrize(("form", "has_junk"), [("JPEG", False), ("JPEG", True), ("PNG", False)])
def test_what_would_take_all_memory_is_too_large_before_it_is_decoded(form, has_junk):
    content = claiming(20_000, 19_999, form)
    if has_junk:  # behind the first segment
        content = content[:20] + b"\0" + content[20:]
    assert objection(content) == "too large: 20,000 x 19,999 pixels, at most 134 million are decoded"
    with pytest.raises(tf.errors.InvalidArgumentError, match="Too large"):
        decode_image(tf.constant(content), 64)
    assert objection(claiming(MAX_PIXELS // 2**13, 2**13, form)) is None


def test_a_whole_image_that_is_too_large_is_never_decoded():
    large = Image.new("L", (2**14, 2**13 + 8), 9)
    stream = io.BytesIO()
    large.save(stream, "JPEG")
    content = stream.getvalue()
    with pytest.raises(tf.errors.InvalidArgumentError, match="Too large"):
        decode_image(tf.constant(content[:20] + b"\0" + content[20:]), 64)


KINDS = {
    "the file is empty": b"",
    "a WebP, neither JPEG nor PNG": encode("WEBP"),
    "a GIF, neither JPEG nor PNG": encode("GIF"),
    "a BMP, neither JPEG nor PNG": encode("BMP"),
    "a TIFF or raw image, neither JPEG nor PNG": encode("TIFF"),
    "a HEIC, neither JPEG nor PNG": b"\0\0\0\x18ftypheic" + bytes(99),
    "an AVIF, neither JPEG nor PNG": b"\0\0\0\x18ftypavif" + bytes(99),
    "a video, neither JPEG nor PNG": b"\0\0\0\x18ftypisom" + bytes(99),
    "a zip, neither JPEG nor PNG": b"PK\x03\x04" + bytes(99),
    "neither JPEG nor PNG": b"no image at all",
    "a pointer of Git LFS; fetch the image with git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
    "a page or drawing of text, neither JPEG nor PNG": b"<!DOCTYPE html><p>404",
}


@pytest.mark.parametrize(("reason", "content"), KINDS.items(), ids=KINDS)
def test_what_is_no_jpeg_or_png_is_called_by_its_name(reason, content):
    assert objection(content) == reason


def test_groups_keep_order_and_bound_images_and_pixels():
    side = int(np.sqrt(PIXELS_AT_ONCE / 2.5))
    small, large, huge = GOOD["png"], claiming(side, side, "PNG"), claiming(2**13, 2**13, "PNG")
    contents = [small, small, small, large, large, large, huge, small, b"no image"]
    groups = list(in_groups(enumerate(contents), max_images=2))
    assert [[number for number, _ in group] for group in groups] == [[0, 1], [2, 3], [4, 5], [6], [7], [8]]
    assert [content for group in groups for _, content in group] == contents
    assert list(in_groups([], 5)) == []


def test_groups_bound_the_bytes_too():
    long = GOOD["png"] + bytes(PIXELS_AT_ONCE // 2)
    groups = in_groups(enumerate([long, long, GOOD["png"]]), max_images=9)
    assert [[number for number, _ in group] for group in groups] == [[0], [1, 2]]
