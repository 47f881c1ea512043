"""Which way up a photograph is: the EXIF orientation of a JPEG or PNG, read and applied by TensorFlow operations alone.

A camera that is held upright stores its pixels lying on their side and says so in a tag (EXIF 3.0, CIPA DC-008, section
4.6.5.1: tag 0x0112 in the first directory of a TIFF header). TensorFlow decodes pixels as they are stored. These functions
run in an input pipeline and in an exported graph. What is malformed counts as upright: a picture is worth more than its tags.
"""

import numpy as np
import tensorflow as tf

UPRIGHT = 1
TAG = 0x0112
SEARCHED_BYTES = 2**17  # from the start of a file, and from the end of a PNG, whose tags may stand behind the pixels
MAX_ENTRIES = 2**9
_WHOLE_NUMBERS = (1, 3, 4)  # TIFF's types BYTE, SHORT and LONG


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation of an image.

    The name of the tags is searched for, instead of walking from segment to segment: nearly all images of a data set have
    none, and a search costs them a tenth of a walk.

    Args:
        encoded: Scalar string, a JPEG or PNG file.

    Returns:
        Scalar int32 from 1 (upright, also where there is no such tag or a damaged one) to 8.
    """
    is_png = tf.strings.substr(encoded, 0, 4) == b"\x89PNG"
    head = tf.strings.substr(encoded, 0, SEARCHED_BYTES)
    ends = tf.cond(is_png, lambda: tf.strings.join([head, _tail(encoded)]), lambda: head)
    before, behind = _parted(ends, tf.where(is_png, b"eXIf", b"Exif\x00\x00"))
    return tf.cond(behind != b"", lambda: _read_tag(_tiff(is_png, before, behind)), lambda: tf.constant(UPRIGHT))


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Undoes an orientation.

    Args:
        image: `[height, width, channels]`, as stored.
        orientation: Scalar int32 from 1 to 8.

    Returns:
        The upright image; from 5 on, height and width change places.
    """

    def turn() -> tf.Tensor:
        standing = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        # Of each orientation, whether top and bottom, and whether left and right, change places.
        flips = tf.constant([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0], [0, 1], [1, 1], [1, 0]]) == 1
        return tf.reverse(standing, tf.boolean_mask([0, 1], flips[orientation - 1]))

    upright = tf.cond(orientation == UPRIGHT, lambda: image, turn)
    upright.set_shape([None, None, image.shape[-1]])
    return upright


def _tail(encoded: tf.Tensor) -> tf.Tensor:
    start = tf.maximum(tf.strings.length(encoded) - SEARCHED_BYTES, 0)
    return tf.strings.substr(encoded, start, SEARCHED_BYTES)


def _parted(text: tf.Tensor, name: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What stands before and behind the first `name`; nothing stands behind where there is none."""
    parts = tf.raw_ops.StringSplitV2(input=text[tf.newaxis], sep=name, maxsplit=1).values
    both = tf.concat([parts, [b"", b""]], 0)
    return both[0], both[1]


def _tiff(is_png: tf.Tensor, before: tf.Tensor, behind: tf.Tensor) -> tf.Tensor:
    """The TIFF header and what follows it; empty where the name did not stand where it must.

    In a JPEG that is an APP1 segment (FF E1 and two bytes of length) before the pixels (FF DA and a length below 256). In a
    PNG the name is a chunk's; some writers repeat the segment's name in it.
    """
    place = tf.maximum(tf.strings.length(before) - 4, 0)
    is_segment = (tf.strings.substr(before, place, 2) == b"\xff\xe1") & (_parted(before, b"\xff\xda\x00")[1] == b"")
    is_named = is_png & (tf.strings.substr(behind, 0, 6) == b"Exif\x00\x00")
    tiff = _text_at(behind, tf.where(is_named, 6, 0), SEARCHED_BYTES)
    return tf.where(is_png | is_segment, tiff, b"")


def _read_tag(tiff: tf.Tensor) -> tf.Tensor:
    """The orientation in the first directory: a count, then entries of 12 bytes (tag, type, number of values, value)."""
    byte_order = _text_at(tiff, 0, 4)
    is_little = byte_order == b"II*\x00"
    directory = tf.cast(_number_at(tiff, 4, 4, is_little), tf.int32)
    count = tf.cast(_number_at(tiff, directory, 2, is_little), tf.int32)
    num_whole = tf.maximum(tf.strings.length(tiff) - directory - 2, 0) // 12
    content = _text_at(tiff, directory + 2, 12 * tf.minimum(tf.minimum(count, num_whole), MAX_ENTRIES))
    entries = tf.cast(tf.reshape(tf.io.decode_raw(content, tf.uint8), [-1, 12]), tf.float64)

    fields = tf.matmul(entries, tf.where(is_little, _field_weights("little"), _field_weights("big")))
    tag, number, kind, values = fields[:, 0], fields[:, 1], fields[:, 2:3], fields[:, 3:]
    value = tf.reduce_sum(tf.where(kind == tf.constant(_WHOLE_NUMBERS, tf.float64), values, 0.0), -1)
    is_it = (tag == TAG) & (number == 1) & (value >= UPRIGHT) & (value <= 8) & (is_little | (byte_order == b"MM\x00*"))
    return tf.concat([tf.cast(tf.boolean_mask(value, is_it), tf.int32), [UPRIGHT]], 0)[0]


def _field_weights(byte_order: str) -> tf.Tensor:
    """float64 `[12, 6]`, from an entry's bytes to tag, number of values, type, and the value as each of three types."""
    weights = np.zeros((12, 6))
    for field, (start, end) in enumerate([(0, 2), (4, 8), (2, 4), (8, 9), (8, 10), (8, 12)]):
        weights[start:end, field] = _byte_weights(end - start, byte_order)
    return tf.constant(weights)


def _byte_weights(num_bytes: int, byte_order: str) -> np.ndarray:
    powers = 256.0 ** np.arange(num_bytes)
    return powers if byte_order == "little" else powers[::-1]


def _text_at(text: tf.Tensor, place: tf.Tensor | int, num_bytes: tf.Tensor | int) -> tf.Tensor:
    """The bytes at a place, fewer where the text ends."""
    return tf.strings.substr(text, tf.clip_by_value(place, 0, tf.strings.length(text)), num_bytes)


def _number_at(text: tf.Tensor, place: tf.Tensor | int, num_bytes: int, is_little: tf.Tensor) -> tf.Tensor:
    """The whole number at a place, float64; bytes behind the end count as 0."""
    content = tf.io.decode_raw(_text_at(text, place, num_bytes), tf.uint8, fixed_length=num_bytes)
    weights = tf.where(is_little, _byte_weights(num_bytes, "little"), _byte_weights(num_bytes, "big"))
    return tf.reduce_sum(tf.cast(content, tf.float64) * weights)
