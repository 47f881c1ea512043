import io
import os
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfp_insects.data.decoding import decoded
from tfp_insects.data.images import decode_image

SIZE = 12


def files(num_images: int) -> list[bytes]:
    """PNG files of different shapes, some larger than `SIZE` on both sides."""
    rng = np.random.default_rng(0)
    contents = []
    for i in range(num_images):
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (8 + i % 9, 17 - i % 7, 3), np.uint8)).save(stream, "PNG")
        contents.append(stream.getvalue())
    return contents


@pytest.mark.parametrize("size", [SIZE, 100])
def test_images_are_those_of_one_at_a_time_in_order(size: int) -> None:
    contents = files(40)
    found = list(decoded(contents, size))
    assert len({image.shape for image in found}) > 5
    for image, content in zip(found, contents, strict=True):
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, decode_image(tf.constant(content), size))


def test_no_images_are_none() -> None:
    assert list(decoded([], SIZE)) == []


def test_few_are_read_ahead() -> None:
    read: list[int] = []

    def contents() -> Iterator[bytes]:
        for i, content in enumerate(files(200)):
            read.append(i)
            yield content

    images = decoded(contents(), SIZE)
    next(images)
    most = 2 * (tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1) + 1
    assert len(read) == min(most, 200)
    images.close()
    assert len(read) == min(most, 200)


def test_what_cannot_be_decoded_raises_in_its_place() -> None:
    images = decoded([*files(3), b"no image", *files(3)], SIZE)
    assert len([next(images) for _ in range(3)]) == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="Neither JPEG nor PNG"):
        next(images)
