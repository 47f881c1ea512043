import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tfp_insects.data.images import decode_image
from tfp_insects.data.small_copies import small_copy


def encode(image: Image.Image, form: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def decoded(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_it_is_small_rgb_and_keeps_its_aspect():
    for mode in ("RGB", "L", "P", "RGBA", "LA", "1"):
        copy = decoded(small_copy(encode(Image.new(mode, (800, 400))), 160, 90))
        assert (copy.size, copy.mode, copy.format) == ((160, 80), "RGB", "JPEG")
    assert decoded(small_copy(encode(Image.new("RGB", (9, 7))), 160, 90)).size == (9, 7)
    assert decoded(small_copy(encode(Image.new("CMYK", (900, 700)), "JPEG"), 160, 90)).mode == "RGB"


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("value", range(1, 9))
def test_it_is_upright(value, form):
    pixels = np.zeros((300, 500, 3), np.uint8)
    pixels[:100, :100] = 255  # a corner tells all orientations apart
    pixels[:100, 100:250] = 128
    exif = Image.Exif()
    exif[0x0112] = value
    content = encode(Image.fromarray(pixels), form, exif=exif)
    expected = ImageOps.exif_transpose(decoded(content)).convert("RGB")
    expected.thumbnail((100, 100))
    copy = decoded(small_copy(content, 100, 90))
    assert copy.size == expected.size
    assert np.abs(np.int32(copy) - np.int32(expected)).mean() < 4


def test_damaged_tags_do_no_harm():
    # The orientation is whole; behind it is a text that is no number, on which Pillow's own turning fails.
    entries = struct.pack("<HHIHxx", 0x0112, 3, 1, 6) + struct.pack("<HHII", 0x0115, 2, 2, ord("x"))
    tags = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    content = encode(Image.new("RGB", (50, 30)), "JPEG", exif=tags)
    assert decoded(small_copy(content, 100, 90)).size == (30, 50)


def test_sixteen_bits_are_not_all_white():
    levels = np.linspace(0, 65535, 100).astype(np.uint16)[np.newaxis].repeat(50, 0)
    copy = np.asarray(decoded(small_copy(encode(Image.fromarray(levels)), 100, 95)))
    np.testing.assert_allclose(copy[25, :, 0], levels[25] / 257, atol=4)


def test_what_is_no_image_is_an_error():
    for content in (b"", b"no image", encode(Image.new("RGB", (50, 30)))[:60]):
        with pytest.raises(ValueError, match="no image that can be decoded"):
            small_copy(content, 100, 90)


def with_chunk(content: bytes, name: bytes, data: bytes) -> bytes:
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return content[:33] + chunk + content[33:]


def with_segment(content: bytes, marker: int, data: bytes) -> bytes:
    return content[:2] + struct.pack(">HH", marker, len(data) + 2) + data + content[2:]


NOISE = Image.effect_noise((50, 30), 50)
PILLOW_GIVES_UP = {
    "gamma": with_chunk(encode(NOISE), b"gAMA", b""),
    "animation": with_chunk(encode(NOISE), b"acTL", bytes(2)),
    "Adobe": with_segment(encode(NOISE, "JPEG"), 0xFFEE, b"Adobe"),
    "JFIF": with_segment(encode(NOISE, "JPEG"), 0xFFE0, b"JFIF\0"),
}


@pytest.mark.parametrize("content", PILLOW_GIVES_UP.values(), ids=PILLOW_GIVES_UP)
def test_what_tensorflow_decodes_has_a_copy_even_if_pillow_gives_up(content):
    with pytest.raises((OSError, ValueError)):
        decoded(content).convert("RGB")
    assert decode_image(tf.constant(content), 100).shape == (30, 50, 3)
    copy = np.asarray(decoded(small_copy(content, 100, 95)))
    assert np.abs(np.int32(copy[..., 0]) - np.asarray(NOISE)).mean() < 8
