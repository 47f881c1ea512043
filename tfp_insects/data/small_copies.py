"""Small upright copies of images, for pages that show many of them."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps


def small_copy(encoded: bytes, max_size: int, quality: int) -> bytes:
    """Makes a JPEG in RGB, no side of which is longer than `max_size` pixels.

    Args:
        encoded: A JPEG or PNG file.
        max_size: Pixels; a smaller image keeps its size.
        quality: That of the JPEG, from 1 to 95.

    Raises:
        OSError, ValueError, Image.DecompressionBombError: It is no image that can be read, or a very large one.
    """
    with warnings.catch_warnings():
        # Readers have bounds of their own; a JPEG is shrunk while it is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft("RGB", (max_size, max_size))
            upright = ImageOps.exif_transpose(image)
    small = _upper_bits(upright).convert("RGB")
    small.thumbnail((max_size, max_size))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _upper_bits(image: Image.Image) -> Image.Image:
    """An image of 16 bits as one of 8; Pillow would make all of it white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
