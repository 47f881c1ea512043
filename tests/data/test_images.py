import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfp_insects.data.images import decode_image, normalise

Decode = Callable[[bytes, int], np.ndarray]


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def random_pixels(height: int = 9, width: int = 7, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def smooth_pixels(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 / height, columns * 255 / width, 128 + 100 * np.sin(rows / 9)], -1).astype(np.uint8)


def eagerly(encoded: bytes, max_size: int) -> np.ndarray:
    return decode_image(tf.constant(encoded), max_size).numpy()


def inside_map(encoded: bytes, max_size: int) -> np.ndarray:
    dataset = tf.data.Dataset.from_tensors(encoded).map(lambda content: decode_image(content, max_size))
    assert dataset.element_spec == tf.TensorSpec([None, None, 3], tf.uint8)
    return next(dataset.as_numpy_iterator())


ways = pytest.mark.parametrize("decode", [eagerly, inside_map])


@ways
def test_png_is_exact(decode: Decode) -> None:
    pixels = random_pixels()
    np.testing.assert_array_equal(decode(encode(Image.fromarray(pixels)), 100), pixels, strict=True)


@ways
def test_jpeg_is_what_another_decoder_sees(decode: Decode) -> None:
    encoded = encode(Image.fromarray(smooth_pixels(40, 30)), "JPEG", quality=95)
    found, expected = decode(encoded, 100), np.asarray(Image.open(io.BytesIO(encoded)))
    assert found.shape == (40, 30, 3)
    errors = np.abs(np.int32(found) - expected)  # Decoders round differently.
    assert errors.max() <= 8
    assert errors.mean() < 1.5


@ways
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_grey_scale_becomes_rgb(decode: Decode, form: str) -> None:
    image = Image.fromarray(smooth_pixels(20, 20)[..., 1])
    found = decode(encode(image, form), 100)
    assert found.shape == (20, 20, 3)
    assert np.ptp(found, axis=-1).max() == 0
    np.testing.assert_allclose(found[..., 0], np.asarray(image), atol=0 if form == "PNG" else 6)


@ways
@pytest.mark.parametrize("bits", [8, 4, 1])
def test_palette_becomes_its_colours(decode: Decode, bits: int) -> None:
    image = Image.fromarray(random_pixels()).quantize(2**bits)
    assert image.mode == "P"
    np.testing.assert_array_equal(decode(encode(image, bits=bits), 100), np.asarray(image.convert("RGB")))


def test_black_and_white_becomes_rgb() -> None:
    image = Image.fromarray(random_pixels(channels=1) > 127)
    np.testing.assert_array_equal(eagerly(encode(image), 100), np.asarray(image.convert("RGB")))


@ways
def test_transparency_is_dropped_and_the_colour_below_it_kept(decode: Decode) -> None:
    pixels = random_pixels(channels=4)
    pixels[:4, :, 3] = 0
    np.testing.assert_array_equal(decode(encode(Image.fromarray(pixels)), 100), pixels[..., :3])
    grey = random_pixels(channels=2)
    found = decode(encode(Image.fromarray(grey, "LA")), 100)
    np.testing.assert_array_equal(found, np.repeat(grey[..., :1], 3, -1))


def test_transparent_palette_becomes_its_colours() -> None:
    image = Image.fromarray(random_pixels()).quantize(16)
    found = eagerly(encode(image, transparency=0), 100)
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


@ways
def test_sixteen_bits_become_the_upper_eight(decode: Decode) -> None:
    pixels = np.random.default_rng(0).integers(2**16, size=(9, 7), dtype=np.uint16)
    found = decode(encode(Image.fromarray(pixels)), 100)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.repeat((pixels >> 8)[..., np.newaxis], 3, -1))


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (10, 10), (0, 255, 255, 0))  # Pure red in inks.
    red = eagerly(encode(image, "JPEG"), 100).reshape(-1, 3).mean(0)
    np.testing.assert_allclose(red, [255, 0, 0], atol=5)


@ways
def test_a_large_image_is_shrunk_with_averaging(decode: Decode) -> None:
    pixels = smooth_pixels(160, 120)
    found = decode(encode(Image.fromarray(pixels)), 32)
    assert found.dtype == np.uint8
    expected = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR))
    assert found.shape == expected.shape
    assert np.abs(np.int32(found) - expected).max() <= 1
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    grey = decode(encode(Image.fromarray(np.uint8(checks))), 16)
    assert np.all((grey > 110) & (grey < 145))  # Without averaging it would be black or white.


@pytest.mark.parametrize("size", [(33, 32), (32, 33), (33, 10), (32, 32), (5, 200)])
def test_an_image_not_larger_on_both_sides_keeps_its_pixels(size: tuple[int, int]) -> None:
    pixels = random_pixels(*size)
    np.testing.assert_array_equal(eagerly(encode(Image.fromarray(pixels)), 32), pixels)


NO_IMAGES = {
    "empty": b"",
    "text": b"no image at all",
    "gif": encode(Image.fromarray(random_pixels()), "GIF"),
    "bmp": encode(Image.fromarray(random_pixels()), "BMP"),
    "png's first bytes": b"\x89PNG",
    "truncated png": encode(Image.fromarray(random_pixels(40, 40)))[:1000],
    "truncated jpeg": encode(Image.fromarray(random_pixels(40, 40)), "JPEG")[:1000],
}


@ways
@pytest.mark.parametrize("name", NO_IMAGES)
def test_what_is_no_jpeg_or_png_is_an_error(decode: Decode, name: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(NO_IMAGES[name], 100)


def test_normalise_scales_each_channel() -> None:
    pixels = random_pixels(8, 8)
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    found = normalise(tf.constant(pixels), 8, mean, std)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, (pixels / 255.0 - mean) / std, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(9, 7), (16, 16), (5, 20)])
def test_normalise_enlarges_bilinearly_whatever_the_aspect_ratio(size: tuple[int, int]) -> None:
    pixels = random_pixels(*size)
    found = normalise(tf.constant(pixels), 20, (0.0,) * 3, (1 / 255,) * 3)
    channels = [Image.fromarray(np.float32(pixels[..., i])) for i in range(3)]
    expected = np.stack([np.asarray(c.resize((20, 20), Image.Resampling.BILINEAR)) for c in channels], -1)
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_normalise_inside_map_equals_eager() -> None:
    pixels = random_pixels()
    arguments = (16, (0.4, 0.5, 0.6), (0.2, 0.2, 0.3))
    dataset = tf.data.Dataset.from_tensors(pixels).map(lambda image: normalise(image, *arguments))
    assert dataset.element_spec.shape == (16, 16, 3)
    expected = normalise(tf.constant(pixels), *arguments)
    np.testing.assert_allclose(next(dataset.as_numpy_iterator()), expected, rtol=1e-6, atol=1e-6)
