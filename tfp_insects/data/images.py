"""One way from an encoded image to a model's input, shared by training, prediction and the exported graph."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_insects.data.image_headers import MAX_PIXELS
from tfp_insects.data.orientation import orientation, turn_upright


def decode_image(encoded: tf.Tensor, max_size: tf.Tensor | int) -> tf.Tensor:
    """Decodes a JPEG or PNG to RGB; grey-scale and palette images become RGB, transparency is dropped.

    A photograph is turned upright by its EXIF orientation. An image that is larger than `max_size` on both sides is shrunk
    to `max_size` x `max_size` here, so that a cache of decoded images stays small whatever the camera.

    Args:
        encoded: Scalar string, the file's content.
        max_size: The model's input size in pixels.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        tf.errors.InvalidArgumentError: The content is no JPEG or PNG, damaged, or has more than `MAX_PIXELS` pixels.
    """
    is_jpeg = tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
    is_png = tf.strings.substr(encoded, 0, 4) == b"\x89PNG"
    checks = [
        tf.debugging.Assert(is_jpeg | is_png, ["Neither JPEG nor PNG."]),
        tf.debugging.Assert(_num_pixels(encoded, is_jpeg) <= MAX_PIXELS, [f"Too large: over {MAX_PIXELS:,} pixels."]),
    ]
    with tf.control_dependencies(checks):
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    # What is small is turned at less cost; a square of `max_size` stays one.
    return turn_upright(shrink_large(image, max_size), orientation(encoded))


def _num_pixels(encoded: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    """Width times height by the header, which the decoder itself reads of a JPEG; float64."""

    def of_jpeg() -> tf.Tensor:
        return tf.reduce_prod(tf.cast(tf.io.extract_jpeg_shape(encoded)[:2], tf.float64))

    return tf.cond(is_jpeg, of_jpeg, lambda: _png_pixels(encoded))


def _png_pixels(encoded: tf.Tensor) -> tf.Tensor:
    """Width times height by the header of a PNG, whose kilobyte may stand for gigabytes; float64."""
    header = tf.io.decode_raw(tf.strings.substr(encoded, 0, 24), tf.uint8, fixed_length=24)
    sides = tf.reshape(tf.cast(header[16:], tf.float64), [2, 4])
    return tf.reduce_prod(tf.linalg.matvec(sides, tf.constant([2.0**24, 2.0**16, 2.0**8, 1.0], tf.float64)))


def shrink_large(image: tf.Tensor, max_size: tf.Tensor | int) -> tf.Tensor:
    """Shrinks what is larger than `max_size` on both sides to `max_size` x `max_size`, in whole grey levels.

    Args:
        image: uint8, or float32 in [0, 255], `[height, width, 3]` or `[batch, height, width, 3]`.
        max_size: Side in pixels.

    Returns:
        The image in its own type.
    """

    def shrink() -> tf.Tensor:
        return tf.cast(tf.round(tf.image.resize(image, [max_size, max_size], antialias=True)), image.dtype)

    is_large = tf.reduce_all(tf.shape(image)[-3:-1] > max_size)
    return tf.cond(is_large, shrink, lambda: image)


def normalise(image: tf.Tensor, image_size: int, mean: Sequence[float], std: Sequence[float]) -> tf.Tensor:
    """Resizes (bilinear), scales to [0, 1] and normalises each channel.

    Args:
        image: uint8, or float32 in [0, 255], `[height, width, 3]` or `[batch, height, width, 3]`.
        image_size: Side of the model's square input in pixels; the aspect ratio is not kept, as in the study.
        mean: Three channel means, in units of [0, 1].
        std: Three channel standard deviations, in units of [0, 1].

    Returns:
        float32 `[image_size, image_size, 3]`, with the batch before it if there was one.
    """
    resized = tf.image.resize(tf.cast(image, tf.float32), [image_size, image_size])
    return (resized / 255.0 - tf.constant(mean, tf.float32)) / tf.constant(std, tf.float32)
