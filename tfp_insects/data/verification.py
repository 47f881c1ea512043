"""Every image is decoded once before anything is trained, so that a corrupt one is named at the start."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tfp_insects.data.image_headers import DAMAGED, in_groups, objection
from tfp_insects.data.images import decode_image
from tfp_insects.data.readers.names import counted, listing
from tfp_insects.data.source import ImageSource, content_digest, content_digests, select
from tfp_insects.errors import InputError
from tfp_insects.progress.work import OnWork, ignore_work

NUM_NAMED = 5  # bad images that the error names
NUM_PAIRS_NAMED = 3
NUM_AT_ONCE = 64
VERIFYING = "verifying images"
_WITHOUT_SHRINKING = 2**15  # pixels; no image that is larger on both sides is decoded

_logger = logging.getLogger(__name__)


def verify_images(source: ImageSource, on_bad_image: str = "error", on_work: OnWork = ignore_work) -> ImageSource:
    """Decodes every image once.

    Args:
        source: The images.
        on_bad_image: 'error', or 'skip' to leave bad images out with a warning for each.
        on_work: Told of images as they are decoded.

    Returns:
        The source without the images that cannot be decoded, with `digests`, and with a note where one image has two
        classes or is in two parts of a given split.

    Raises:
        InputError: An image cannot be decoded and is not to be skipped, or a class has no image left.
    """
    if on_bad_image not in ("error", "skip"):
        raise InputError(f"data.on_bad_image={on_bad_image}: expected error or skip.", field="data.on_bad_image")
    bad, digests = _decode_all(source, on_work)
    if bad and on_bad_image == "error":
        raise InputError(_describe(source, bad), field="data.on_bad_image")
    for index, reason in sorted(bad.items()):
        _logger.warning("%s: left out %s: %s", source.name, source.example_ids[index], reason)
    known = dataclasses.replace(source, digests=tuple(digests))
    good = _without(known, bad) if bad else known
    notes = filter(None, [_describe_conflicts(good), _describe_leaks(good)])
    return dataclasses.replace(good, notes=(*good.notes, *notes))


def describe_overlap(source: ImageSource, ood: ImageSource) -> str:
    """Names images that are said to be of no class of the source and are in it; empty where there is none.

    Args:
        source: Images of known classes.
        ood: Images of unknown classes.
    """
    known = set(content_digests(source))
    both = [name for name, digest in zip(ood.example_ids, content_digests(ood), strict=True) if digest in known]
    if not both:
        return ""
    return (
        f"{counted(len(both), 'image', 'images')} of {len(ood.example_ids):,} of unknown classes are in {source.name} too, "
        f"so that nothing tells them from known ones: {listing(both, NUM_PAIRS_NAMED)}."
    )


def _decode_all(source: ImageSource, on_work: OnWork) -> tuple[dict[int, str], list[bytes]]:
    """Returns index and reason of each image that cannot be read or decoded, and the digests of all."""
    num_examples = len(source.example_ids)
    bad: dict[int, str] = {}
    digests = [b""] * num_examples

    def promising() -> Iterator[tuple[int, bytes]]:
        for index in range(num_examples):
            content, reason = _content(source, index)
            digests[index] = content_digest(content)
            if reason:
                bad[index] = reason
            else:
                yield index, content

    num_told = 0
    for group in in_groups(promising(), NUM_AT_ONCE):
        bad |= dict.fromkeys(_undecodable(group), DAMAGED)
        num_told, before = group[-1][0] + 1, num_told
        on_work(VERIFYING, num_told - before, of=num_examples)
    if num_told < num_examples:
        on_work(VERIFYING, num_examples - num_told, of=num_examples)
    return bad, digests


def _content(source: ImageSource, index: int) -> tuple[bytes, str | None]:
    """An image's bytes, and what is known to be wrong with them before they are decoded."""
    try:
        content = source.read(index)
    except InputError as error:
        return b"", str(error)
    return content, objection(content)


def _undecodable(group: Sequence[tuple[int, bytes]]) -> list[int]:
    if _can_decode([content for _, content in group]):
        return []
    return [index for index, content in group if len(group) == 1 or not _can_decode([content])]


def _can_decode(contents: list[bytes]) -> bool:
    try:
        _shapes(contents)
    except tf.errors.OpError:
        return False
    return True


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
def _shapes(contents: tf.Tensor) -> tf.Tensor:
    """Decodes images `[num_images]`; int32 `[num_images, 3]`. Many in one graph cost a tenth of one at a time."""
    shape = tf.TensorSpec([3], tf.int32)
    return tf.map_fn(
        lambda encoded: tf.shape(decode_image(encoded, _WITHOUT_SHRINKING)), contents, fn_output_signature=shape
    )


def _describe(source: ImageSource, bad: dict[int, str]) -> str:
    named = [f"{source.example_ids[index]} ({bad[index]})" for index in sorted(bad)]
    return (
        f"{source.name}: {len(bad)} of {len(source.example_ids)} images cannot be decoded: {listing(named, NUM_NAMED)}. "
        "Mend or remove them, or set data.on_bad_image to skip to leave them out."
    )


def _without(source: ImageSource, bad: dict[int, str]) -> ImageSource:
    kept = np.setdiff1d(np.arange(len(source.example_ids)), list(bad))
    num_kept = np.bincount(source.labels[kept], minlength=len(source.class_names))
    if not num_kept.all():
        name = source.class_names[int(np.argmin(num_kept))]
        raise InputError(f"{source.name}: no image of class {name!r} can be decoded. Mend or remove that class.")
    return select(source, kept)


def _describe_conflicts(source: ImageSource) -> str:
    """Names images that are in two classes; empty where there is none."""
    pairs = _pairs(source, [source.class_names[label] for label in source.labels])
    if not pairs:
        return ""
    count = counted(len(pairs), "image is", "images are")
    return f"{count} in two classes alike, so that one of the labels is wrong: {_listed(source, pairs)}."


def _describe_leaks(source: ImageSource) -> str:
    """Names images that are in two parts of a given split; empty where there is none."""
    pairs = _pairs(source, source.parts) if source.parts else []
    if not pairs:
        return ""
    return (
        f"{counted(len(pairs), 'image is', 'images are')} in two parts of the given split; test images are not trained on or "
        f"used for validation, nor validation images trained on: {_listed(source, pairs)}."
    )


def _pairs(source: ImageSource, marks: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of equal images with different marks; each later image is paired with the first one of its kind."""
    assert source.digests is not None
    first: dict[bytes, int] = {}
    for index, digest in enumerate(source.digests):
        first.setdefault(digest, index)
    both = [(first[digest], index) for index, digest in enumerate(source.digests)]
    return [(one, other) for one, other in both if marks[one] != marks[other]]


def _listed(source: ImageSource, pairs: Sequence[tuple[int, int]]) -> str:
    words = [f"{source.example_ids[one]} and {source.example_ids[other]}" for one, other in pairs]
    return listing(words, NUM_PAIRS_NAMED)
