"""Images: the checks before decoding, decoding, orientation, and the small copies of the pages."""

import contextlib
import io
import logging
import struct
from collections.abc import Callable
from pathlib import Path

INSTRUMENTED = ["tfp_insects.data.image_headers", "tfp_insects.data.verification", "tfp_insects.data.small_copies"]
SIZE = (16, 12)


def prepare(directory: Path) -> tuple[Callable[[bytes], None], list[bytes]]:
    import numpy as np
    import tensorflow as tf

    from tfp_insects.data.image_headers import MAX_PIXELS, image_size
    from tfp_insects.data.images import decode_image
    from tfp_insects.data.orientation import orientation
    from tfp_insects.data.small_copies import small_copy
    from tfp_insects.data.source import ImageSource
    from tfp_insects.data.verification import verify_images
    from tfp_insects.errors import InputError

    logging.getLogger("tfp_insects").setLevel(logging.ERROR)  # Each image that is left out is a warning.
    good = _encoded("PNG")
    labels = np.array([0, 0, 1], np.int32)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def look(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.shape(decode_image(encoded, 2**15)), orientation(encoded)

    def run(data: bytes) -> None:
        contents = (data, good, good)
        source = ImageSource("fuzz", ("a", "b"), ("a/0.jpg", "a/1.png", "b/2.png"), labels, None, contents.__getitem__)
        is_good = len(verify_images(source, "skip").example_ids) == 3
        with contextlib.suppress(InputError):
            verify_images(source, "error")
        assert 1 <= int(orientation(tf.constant(data))) <= 8
        if not is_good:
            with contextlib.suppress(ValueError):
                small_copy(data, 8, 80)
            return
        shape, turn = (value.numpy().tolist() for value in look(tf.constant(data)))
        assert shape[0] * shape[1] <= MAX_PIXELS
        known = image_size(data)
        assert known in (None, (shape[1], shape[0])[:: -1 if turn >= 5 else 1]), (known, shape, turn)
        assert small_copy(data, 8, 80).startswith(b"\xff\xd8")

    return run, _seeds()


def _seeds() -> list[bytes]:
    tags = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    jpegs = [_encoded("JPEG", exif=tags), _encoded("JPEG", progressive=True), _encoded("JPEG", mode="CMYK")]
    pngs = [_encoded("PNG", mode=mode) for mode in ("RGB", "RGBA", "P", "1", "LA", "I;16")]
    return [*jpegs, *pngs, _encoded("PNG", exif=tags[6:]), _encoded("GIF"), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]


def _encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    from PIL import Image

    image = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    stream = io.BytesIO()
    (image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)).save(stream, form, **options)
    return stream.getvalue()
