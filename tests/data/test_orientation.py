"""EXIF orientation, read by TensorFlow operations, against Pillow."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from fixtures.properties import properties
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tfp_insects.data.images import decode_image
from tfp_insects.data.orientation import SEARCHED_BYTES, orientation, turn_upright

ORDERS = {"little": b"II*\0", "big": b"MM\0*"}
PIXELS = np.random.default_rng(0).integers(0, 255, (5, 8, 3), np.uint8)
SHORT = 3


def tiff(
    value: int, order: str = "little", kind: int = SHORT, count: int = 1, offset: int = 8, before: int = 2
) -> bytes:
    """A TIFF header and a directory: `before` other entries, then the orientation, then one more."""
    mark = "<" if order == "little" else ">"
    number = {1: "B3x", 3: "H2x", 4: "I", 9: "i"}[kind]
    others = [struct.pack(f"{mark}HHII", 0x0100 + i, 4, 1, 6) for i in range(before)]
    entry = struct.pack(f"{mark}HHI{number}", 0x0112, kind, count, value)
    last = struct.pack(f"{mark}HHII", 0x0132, 2, 20, 200)
    entries = [*others, entry, last]
    header = ORDERS[order] + struct.pack(f"{mark}I", offset) + bytes(offset - 8)
    return header + struct.pack(f"{mark}H", len(entries)) + b"".join(entries) + bytes(4)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">HH", marker, len(content) + 2) + content


def jpeg(*segments: bytes, pixels: np.ndarray = PIXELS) -> bytes:
    """A JPEG with segments behind its first marker."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    content = stream.getvalue()
    return content[:2] + b"".join(segments) + content[2:]


def exif(content: bytes) -> bytes:
    return segment(0xFFE1, b"Exif\0\0" + content)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks: bytes, behind: bool = False, pixels: np.ndarray = PIXELS) -> bytes:
    """A PNG with chunks before or behind its pixels."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    content = stream.getvalue()
    place = len(content) - 12 if behind else 33
    return content[:place] + b"".join(chunks) + content[place:]


def found(encoded: bytes) -> int:
    return int(_found(tf.constant(encoded)))


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _found(encoded: tf.Tensor) -> tf.Tensor:
    return orientation(encoded)


def upright(encoded: bytes) -> np.ndarray:
    """What Pillow makes of it."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def eagerly(encoded: bytes) -> np.ndarray:
    return decode_image(tf.constant(encoded), 100).numpy()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("value", range(1, 9))
def test_each_orientation_is_turned_as_pillow_turns_it(value: int, order: str) -> None:
    tags = tiff(value, order)
    for encoded in (png(chunk(b"eXIf", tags)), png(chunk(b"eXIf", tags), behind=True)):
        np.testing.assert_array_equal(eagerly(encoded), upright(encoded), strict=True)
    smooth = np.kron(PIXELS, np.ones((8, 8, 1))).astype(np.uint8)
    encoded = jpeg(exif(tags), pixels=smooth)
    decoded = eagerly(encoded)
    # Decoders of JPEG differ a little, turned ones much.
    assert decoded.shape == upright(encoded).shape
    assert np.abs(np.int32(decoded) - upright(encoded)).mean() < 4
    stored = eagerly(jpeg(pixels=smooth))
    np.testing.assert_array_equal(decoded, turn_upright(tf.constant(stored), tf.constant(value)))


def test_an_input_pipeline_turns_images_too() -> None:
    tags = [tiff(value, order) for value in range(1, 9) for order in ORDERS]
    contents = [jpeg(exif(tag)) for tag in tags] + [png(chunk(b"eXIf", tag)) for tag in tags]
    dataset = tf.data.Dataset.from_tensor_slices(contents).map(lambda content: decode_image(content, 100))
    assert dataset.element_spec == tf.TensorSpec([None, None, 3], tf.uint8)
    for decoded, content in zip(dataset.as_numpy_iterator(), contents, strict=True):
        np.testing.assert_array_equal(decoded, eagerly(content), strict=True)


@pytest.mark.parametrize("value", range(1, 9))
def test_an_image_that_is_shrunk_is_turned_as_well(value: int) -> None:
    pixels = np.kron(PIXELS, np.ones((20, 20, 1))).astype(np.uint8)
    encoded = png(chunk(b"eXIf", tiff(value)), pixels=pixels)
    shrunk = decode_image(tf.constant(encoded), 32)
    expected = decode_image(tf.constant(png(pixels=upright(encoded))), 32)
    assert shrunk.shape == (32, 32, 3)
    # Rows and columns are averaged in another order.
    assert np.abs(np.int32(shrunk) - np.int32(expected)).max() <= 1


JFIF = segment(0xFFE0, b"JFIF\0" + bytes(9))
PLACES = {
    "behind JFIF": jpeg(JFIF, exif(tiff(6))),
    "behind a comment": jpeg(segment(0xFFFE, b"Exif is behind this"), exif(tiff(6))),
    "behind XMP": jpeg(segment(0xFFE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), exif(tiff(6))),
    "behind a colour profile": jpeg(segment(0xFFE2, b"ICC_PROFILE\0" + bytes(range(256)) * 100), exif(tiff(6))),
    "behind fill bytes": jpeg(b"\xff\xff", exif(tiff(6))),
    "the directory further behind": jpeg(exif(tiff(6, offset=100))),
    "many entries": jpeg(exif(tiff(6, before=60))),
    "the first entry": jpeg(exif(tiff(6, before=0))),
    "a thumbnail behind the tags": jpeg(exif(tiff(6) + jpeg(exif(tiff(8))))),
    "two segments": jpeg(exif(tiff(6)), exif(tiff(8))),
    "a long number": jpeg(exif(tiff(6, kind=4))),
    "a long number, big": jpeg(exif(tiff(6, "big", kind=4))),
    "a byte": jpeg(exif(tiff(6, kind=1))),
    "a PNG with JPEG's name": png(chunk(b"eXIf", b"Exif\0\0" + tiff(6))),
    "behind text": png(chunk(b"tEXt", b"Comment\0exif"), chunk(b"eXIf", tiff(6))),
    "behind large pixels": png(chunk(b"teSt", bytes(3 * SEARCHED_BYTES)), chunk(b"eXIf", tiff(6)), behind=True),
}


@pytest.mark.parametrize("encoded", PLACES.values(), ids=PLACES)
def test_the_tag_is_found_wherever_it_may_stand(encoded: bytes) -> None:
    assert found(encoded) == 6


UPRIGHT = {
    "none": jpeg(),
    "none, PNG": png(),
    "another tag alone": jpeg(exif(tiff(6).replace(b"\x12\x01\x03\0", b"\x13\x01\x03\0"))),
    "orientation 0": jpeg(exif(tiff(0))),
    "orientation 9": jpeg(exif(tiff(9))),
    "orientation 65535": png(chunk(b"eXIf", tiff(65535))),
    "of no whole number's type": jpeg(exif(tiff(6, kind=9))),
    "two values": jpeg(exif(tiff(6, count=2))),
    "no value": jpeg(exif(tiff(6, count=0))),
    "no byte order": jpeg(exif(b"XX*\0" + tiff(6)[4:])),
    "the directory outside": jpeg(exif(b"II*\0\xff\xff\xff\xff" + tiff(6)[8:])),
    "more entries than there are": jpeg(exif(b"II*\0\x08\0\0\0\xff\xff" + bytes(12))),
    "cut off": jpeg(exif(b"II*")),
    "empty": jpeg(exif(b"")),
    "cut off in an entry": png(chunk(b"eXIf", tiff(6, before=0)[:15])),
    "empty, PNG": png(chunk(b"eXIf", b"")),
    "of a picture behind the pixels": jpeg() + jpeg(exif(tiff(6))),
    "the name in a comment": jpeg(segment(0xFFFE, b"Exif\0\0" + tiff(6))),
}


@pytest.mark.parametrize("encoded", UPRIGHT.values(), ids=UPRIGHT)
def test_what_says_nothing_clear_is_as_it_is_stored(encoded: bytes) -> None:
    assert found(encoded) == 1
    assert eagerly(encoded).shape == PIXELS.shape


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xd8\xff", b"\x89PNG", b"\xff\xd8\xff\xe1\0\x08Exif\0\0"])
def test_what_is_no_image_has_an_orientation_too(content: bytes) -> None:
    assert found(content) == 1


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_tags_are_never_an_error_and_mostly_what_pillow_reads() -> None:
    chance = np.random.default_rng(0)
    whole = {"jpeg": jpeg(JFIF, exif(tiff(6, "big"))), "png": png(chunk(b"eXIf", tiff(3)))}
    num_equal = num_read = 0
    for name, content in whole.items():
        start = content.index(b"Exif" if name == "jpeg" else b"eXIf")
        for _ in range(150):
            damaged = bytearray(content)
            for place in chance.integers(start - 4, start + 50, chance.integers(1, 4)):
                damaged[place] = chance.choice([0, 1, 3, 6, 8, 255, int(chance.integers(256))])
            value = found(bytes(damaged))
            assert 1 <= value <= 8
            expected = pillows(bytes(damaged))
            if expected is not None:
                num_read += 1
                num_equal += value == expected
    assert num_read > 100
    assert num_equal >= 0.95 * num_read


def pillows(encoded: bytes) -> int | None:
    """The orientation that Pillow reads, 1 where it reads none that there is; None where it gives up."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            image.load()
            value = image.getexif().get(0x0112)
    except Exception:  # Pillow raises errors of many kinds for damaged files.
        return None
    return value if value in range(1, 9) else 1


def test_an_exported_graph_turns_images_too(tmp_path) -> None:
    module = tf.Module()
    module.decode = tf.function(
        lambda contents: tf.map_fn(
            lambda encoded: tf.shape(decode_image(encoded, 100)), contents, fn_output_signature=tf.int32
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    decode: Callable = tf.saved_model.load(str(tmp_path)).decode
    contents = tf.constant([jpeg(), jpeg(exif(tiff(6))), png(chunk(b"eXIf", tiff(8, "big")))])
    assert decode(contents).numpy().tolist() == [[5, 8, 3], [8, 5, 3], [8, 5, 3]]


tag = st.integers(0x0100, 0x0111) | st.integers(0x0113, 0x0140)
other = st.tuples(tag, st.sampled_from([3, 4]), st.integers(0, 9))


@properties
@given(st.sampled_from(sorted(ORDERS)), st.lists(other, max_size=6), st.integers(0, 9), st.integers(8, 40), st.data())
def test_any_directory_is_read_as_pillow_reads_it(
    order: str, others: list[tuple[int, int, int]], value: int, offset: int, data: st.DataObject
) -> None:
    mark = "<" if order == "little" else ">"
    entries = [struct.pack(f"{mark}HHI{'H2x' if kind == 3 else 'I'}", one, kind, 1, held) for one, kind, held in others]
    entries.insert(data.draw(st.integers(0, len(entries))), struct.pack(f"{mark}HHIH2x", 0x0112, SHORT, 1, value))
    header = ORDERS[order] + struct.pack(f"{mark}I", offset) + bytes(offset - 8)
    tags = header + struct.pack(f"{mark}H", len(entries)) + b"".join(entries) + bytes(4)
    comment = segment(0xFFFE, data.draw(st.text("Exif \n", max_size=20)).encode())
    for encoded in (jpeg(comment, exif(tags)), png(chunk(b"eXIf", tags)), png(chunk(b"eXIf", tags), behind=True)):
        assert found(encoded) == pillows(encoded)


@properties
@given(
    st.sampled_from([b"", b"\xff\xd8\xff\xe1\0\x40Exif\0\0", b"\x89PNG eXIf", b"\x89PNG eXIfMM\0*"]),
    st.binary(max_size=60),
)
def test_any_bytes_have_an_orientation(start: bytes, rest: bytes) -> None:
    assert 1 <= found(start + rest) <= 8
