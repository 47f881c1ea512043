"""What an image file is by its first bytes, so that nothing is decoded that cannot be, or would take all memory."""

import re
from collections.abc import Iterable, Iterator

IMAGE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")
MAX_PIXELS = 2**27  # TensorFlow decodes no JPEG in four inks that is larger; in RGB it takes 400 MB
DAMAGED = "truncated or damaged"  # what is wrong where the first bytes are right and decoding fails
PIXELS_AT_ONCE = 2**25  # of several images that are decoded at the same time, and bytes
MAX_MARKERS = 2**12  # before a JPEG's first frame; a file of nothing else takes no more time

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
# Frames of a JPEG say its size; C4, C8 and CC among their numbers are other segments. Some markers stand alone.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MARKER = re.compile(rb"\xff[^\xff]", re.DOTALL)
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_OTHER_KINDS = (
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\x00", "a TIFF or raw image"),
    (0, b"MM\x00*", "a TIFF or raw image"),
    (8, b"WEBP", "a WebP"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftyphev", "a HEIC"),
    (4, b"ftypmif1", "a HEIC"),
    (4, b"ftypavif", "an AVIF"),
    (4, b"ftyp", "a video"),
    (4, b"JXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (4, b"jP  ", "a JPEG 2000"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a zip"),
    (0, b"<", "a page or drawing of text"),
)


def objection(encoded: bytes) -> str | None:
    """Says why a file is no image that can be decoded, as far as its first bytes tell; None where they do not."""
    if not encoded:
        return "the file is empty"
    if encoded.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS; fetch the image with git lfs pull"
    if not encoded.startswith((_JPEG, _PNG[:4])):
        kinds = (kind for start, mark, kind in _OTHER_KINDS if encoded.startswith(mark, start))
        kind = next(kinds, None)
        return f"{kind}, neither JPEG nor PNG" if kind else "neither JPEG nor PNG"
    size = image_size(encoded)
    if size and size[0] * size[1] > MAX_PIXELS:
        return f"too large: {size[0]:,} x {size[1]:,} pixels, at most {MAX_PIXELS / 1e6:.0f} million are decoded"
    return None


def image_size(encoded: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as stored, by the header of a JPEG or PNG; None where it has none."""
    if encoded.startswith(_PNG[:4]):
        return (_number(encoded, 16, 4), _number(encoded, 20, 4)) if len(encoded) >= 24 else None
    place = 2
    for _ in range(MAX_MARKERS):
        # Decoders forgive what stands between segments, and any number of FF may stand before a marker.
        found = _MARKER.search(encoded, place)
        if not found or found.end() + 7 > len(encoded):
            return None
        place, marker = found.end(), encoded[found.end() - 1]
        if marker in _FRAMES:
            return _number(encoded, place + 5, 2), _number(encoded, place + 3, 2)
        if marker not in _ALONE:
            place += _number(encoded, place, 2)
    return None


def in_groups(contents: Iterable[tuple[int, bytes]], max_images: int) -> Iterator[list[tuple[int, bytes]]]:
    """Puts numbered files into groups in their order, none of more images, pixels or bytes than are decoded at once.

    An image that is larger than that is a group of its own, and so is one whose header does not tell its size: decoders
    forgive more than this file's reader of headers.
    """
    group: list[tuple[int, bytes]] = []
    num_pixels = 0
    for number, content in contents:
        width, height = image_size(content) or (PIXELS_AT_ONCE, 1)
        size = max(width * height, len(content))  # What stands behind an image may be larger than it.
        num_pixels += size
        if group and (len(group) == max_images or num_pixels > PIXELS_AT_ONCE):
            yield group
            group, num_pixels = [], size
        group.append((number, content))
    if group:
        yield group


def _number(content: bytes, place: int, num_bytes: int) -> int:
    return int.from_bytes(content[place : place + num_bytes], "big")
