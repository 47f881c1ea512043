import io

import numpy as np
import pytest
from PIL import Image

from tfp_insects.data.pipeline import Examples
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.runs.thumbnails import MAX_SIZE, read_thumbnails, write_thumbnails


def encoded(mode: str, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 200).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def examples() -> Examples:
    images = [encoded("RGB", (40, 30)), encoded("L", (800, 400)), encoded("P", (9, 9))]
    ids = ("bee/1.png", "bee/2.png", "fly/1.png")
    source = ImageSource("some", ("bee", "fly"), ids, np.array([0, 0, 1], np.int32), None, images.__getitem__)
    return Examples(source, np.array([1, 2]), np.array([0, 1]))


def test_keeps_the_aspect_and_shrinks_only_what_is_larger(examples, tmp_path):
    path = tmp_path / "images.zip"
    write_thumbnails(path, examples)
    read = read_thumbnails(path, ["fly/1.png", "bee/2.png"])
    images = {name: Image.open(io.BytesIO(content)) for name, content in read.items()}
    assert images["bee/2.png"].size == (MAX_SIZE, MAX_SIZE // 2)
    assert images["fly/1.png"].size == (9, 9)
    assert {(image.format, image.mode) for image in images.values()} == {("JPEG", "RGB")}


def test_names_the_file_that_is_cut_off_or_lacks_an_image(examples, tmp_path):
    path = tmp_path / "images.zip"
    write_thumbnails(path, examples)
    with pytest.raises(InputError, match=r"images\.zip cannot be read .*bee/1\.png"):
        read_thumbnails(path, ["bee/1.png"])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"images\.zip cannot be read"):
        read_thumbnails(path, ["fly/1.png"])
