import io

import numpy as np
import pytest
from PIL import Image, ImageOps

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


def test_sixteen_bits_are_not_all_white():
    levels = np.linspace(0, 65535, 100).astype(np.uint16)[np.newaxis].repeat(50, 0)
    copy = np.asarray(decoded(small_copy(encode(Image.fromarray(levels)), 100, 95)))
    np.testing.assert_allclose(copy[25, :, 0], levels[25] / 257, atol=4)


def test_what_is_no_image_is_an_error():
    with pytest.raises(OSError, match="cannot identify"):
        small_copy(b"no image", 100, 90)
