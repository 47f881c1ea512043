"""Small upright copies of images, for pages that show many of them."""

import io
import warnings

import numpy as np
import tensorflow as tf
from PIL import Image

from tfp_insects.data.images import decode_image
from tfp_insects.data.orientation import UPRIGHT, orientation

_WITHOUT_SHRINKING = 2**15  # pixels

# How Pillow undoes each EXIF orientation. Its own function for that fails where other tags are damaged.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def small_copy(encoded: bytes, max_size: int, quality: int) -> bytes:
    """Makes a JPEG in RGB, no side of which is longer than `max_size` pixels.

    Args:
        encoded: A JPEG or PNG file.
        max_size: Pixels; a smaller image keeps its size.
        quality: That of the JPEG, from 1 to 95.

    Raises:
        ValueError: It is no image that can be decoded.
    """
    try:
        small = _reduced(encoded, max_size)
    except Exception:  # Pillow raises errors of many kinds, also for files that TensorFlow decodes.
        small = _decoded_as_in_training(encoded)
        small.thumbnail((max_size, max_size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _reduced(encoded: bytes, max_size: int) -> Image.Image:
    """By Pillow, which shrinks a JPEG while it decodes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # Readers have bounds of their own.
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft("RGB", (max_size, max_size))
            small = _upper_bits(image).convert("RGB")
    small.thumbnail((max_size, max_size))
    turn = int(orientation(tf.constant(encoded)))
    return small if turn == UPRIGHT else small.transpose(_TURNS[turn])


def _decoded_as_in_training(encoded: bytes) -> Image.Image:
    try:
        return Image.fromarray(decode_image(tf.constant(encoded), _WITHOUT_SHRINKING).numpy())
    except tf.errors.OpError as error:
        raise ValueError("no image that can be decoded") from error


def _upper_bits(image: Image.Image) -> Image.Image:
    """An image of 16 bits as one of 8; Pillow would make all of it white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
