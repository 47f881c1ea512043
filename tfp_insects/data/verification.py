"""Every image is decoded once before anything is trained, so that a corrupt one is named at the start."""

import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_insects.data.images import decode_image
from tfp_insects.data.source import ImageSource, select
from tfp_insects.errors import InputError

NUM_NAMED = 5  # bad images that the error names
NUM_AT_ONCE = 64
_WITHOUT_SHRINKING = 2**15  # pixels; TensorFlow decodes no image that is larger on both sides

_logger = logging.getLogger(__name__)


def verify_images(
    source: ImageSource, on_bad_image: str = "error", on_progress: Callable[[int, int], None] | None = None
) -> ImageSource:
    """Decodes every image once.

    Args:
        source: The images.
        on_bad_image: 'error', or 'skip' to leave bad images out with a warning for each.
        on_progress: Called with (number decoded, number in all) as the images are decoded.

    Returns:
        The source, without the images that cannot be decoded.

    Raises:
        InputError: An image cannot be decoded and is not to be skipped, or a class has no image left.
    """
    if on_bad_image not in ("error", "skip"):
        raise InputError(f"--config.data.on_bad_image={on_bad_image}: expected error or skip.")
    bad = _find_bad_images(source, on_progress)
    if not bad:
        return source
    if on_bad_image == "error":
        raise InputError(_describe(source, bad))
    for index, reason in sorted(bad.items()):
        _logger.warning("%s: left out %s: %s", source.name, source.example_ids[index], reason)
    return _without(source, bad)


def _find_bad_images(source: ImageSource, on_progress: Callable[[int, int], None] | None) -> dict[int, str]:
    """Returns index and reason of each image that cannot be read or decoded."""
    num_examples = len(source.example_ids)
    bad: dict[int, str] = {}
    for start in range(0, num_examples, NUM_AT_ONCE):
        indices = range(start, min(start + NUM_AT_ONCE, num_examples))
        contents = [_content(source, index) for index in indices]
        if not _can_decode(contents):
            pairs = zip(indices, contents, strict=True)
            bad |= {index: _reason(source, index) for index, content in pairs if not _can_decode([content])}
        if on_progress:
            on_progress(indices.stop, num_examples)
    return bad


def _content(source: ImageSource, index: int) -> bytes:
    """Reads an image; what cannot be read is empty, and so cannot be decoded either."""
    try:
        return source.read(index)
    except InputError:
        return b""


def _can_decode(contents: list[bytes]) -> bool:
    try:
        _shapes(contents)
    except tf.errors.OpError:
        return False
    return True


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def _shapes(contents: tf.Tensor) -> tf.Tensor:
    """Decodes images `[num_images]`; int32 `[num_images, 3]`. Many in one graph cost a tenth of one at a time."""
    shape = tf.TensorSpec([3], tf.int32)
    return tf.map_fn(
        lambda encoded: tf.shape(decode_image(encoded, _WITHOUT_SHRINKING)), contents, fn_output_signature=shape
    )


def _reason(source: ImageSource, index: int) -> str:
    try:
        encoded = source.read(index)
    except InputError as error:
        return str(error)
    if not encoded:
        return "the file is empty"
    if not encoded.startswith((b"\xff\xd8\xff", b"\x89PNG")):
        return "neither JPEG nor PNG"
    return "truncated or damaged"


def _describe(source: ImageSource, bad: dict[int, str]) -> str:
    named = [f"{source.example_ids[index]} ({bad[index]})" for index in sorted(bad)[:NUM_NAMED]]
    more = f" and {len(bad) - NUM_NAMED} more" if len(bad) > NUM_NAMED else ""
    return (
        f"{source.name}: {len(bad)} of {len(source.example_ids)} images cannot be decoded: {', '.join(named)}{more}. "
        "Mend or remove them, or pass --config.data.on_bad_image=skip to leave them out."
    )


def _without(source: ImageSource, bad: dict[int, str]) -> ImageSource:
    kept = np.setdiff1d(np.arange(len(source.example_ids)), list(bad))
    num_kept = np.bincount(source.labels[kept], minlength=len(source.class_names))
    if not num_kept.all():
        name = source.class_names[int(np.argmin(num_kept))]
        raise InputError(f"{source.name}: no image of class {name!r} can be decoded. Mend or remove that class.")
    return select(source, kept)
