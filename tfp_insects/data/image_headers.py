"""What an image file is by its first bytes, so that nothing is decoded that cannot be, or would take all memory."""

from collections.abc import Iterable, Iterator

IMAGE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")
MAX_PIXELS = 2**27  # TensorFlow decodes no JPEG in four inks that is larger; in RGB it takes 400 MB
DAMAGED = "truncated or damaged"  # what is wrong where the first bytes are right and decoding fails
PIXELS_AT_ONCE = 2**25  # of several images that are decoded at the same time

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
# Frames of a JPEG say its size; C4, C8 and CC among their numbers are other segments.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
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
    while place + 9 <= len(encoded) and encoded[place] == 0xFF:
        marker = encoded[place + 1]
        if marker == 0xFF:  # Any number of FF may stand before a marker.
            place += 1
        elif marker in _FRAMES:
            return _number(encoded, place + 7, 2), _number(encoded, place + 5, 2)
        else:
            place += 2 + _number(encoded, place + 2, 2)
    return None


def in_groups(contents: Iterable[tuple[int, bytes]], max_images: int) -> Iterator[list[tuple[int, bytes]]]:
    """Puts numbered files into groups in their order, none of more images or pixels than are decoded at once.

    An image that is larger than that is a group of its own, and so is one whose header does not tell its size: decoders
    forgive more than this file's reader of headers.
    """
    group: list[tuple[int, bytes]] = []
    num_pixels = 0
    for number, content in contents:
        width, height = image_size(content) or (PIXELS_AT_ONCE, 1)
        num_pixels += width * height
        if group and (len(group) == max_images or num_pixels > PIXELS_AT_ONCE):
            yield group
            group, num_pixels = [], width * height
        group.append((number, content))
    if group:
        yield group


def _number(content: bytes, place: int, num_bytes: int) -> int:
    return int.from_bytes(content[place : place + num_bytes], "big")
