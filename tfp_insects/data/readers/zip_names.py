"""The name of a zip's member as its packer meant it, and what is wrong with it."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

MAX_DEPTH = 64  # folders in each other
_IS_UTF8 = 0x800
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field: the name in UTF-8 beside one in an old code page
_IS_FOLDER = 0x10  # MS-DOS attribute


def member_name(info: zipfile.ZipInfo) -> str:
    """The member's name with slashes between its parts.

    Without the flag for UTF-8 a name is in the zip's own code page, 437, by the specification (APPNOTE 6.3, appendix D).
    macOS and many programs store UTF-8 without the flag; hardly a name in another code page happens to be valid UTF-8. Some
    Windows programs store backslashes.
    """
    name = info.orig_filename
    if not info.flag_bits & _IS_UTF8:
        name = _unflagged_name(name.encode("cp437"), info.extra)
    return name.replace("\\", "/")


def is_folder(info: zipfile.ZipInfo) -> bool:
    """Whether the member stands for a folder: by its name or, with some packers, by its attributes alone."""
    return member_name(info).endswith("/") or (not info.file_size and bool(info.external_attr & _IS_FOLDER))


def objection_to_name(name: str) -> str | None:
    """Says why a member's name is refused, or returns None."""
    if not name.strip("/"):  # Dropbox begins with an entry for the folder that it packs, which is called "/".
        return None
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        return "has an absolute path. Pack the zip again from within the folder"
    if ".." in name.split("/"):
        return "leads outside the zip ('..'). Pack the zip again from within the folder"
    if "\0" in name:
        return "has a zero byte in its name. Rename it and pack the zip again"
    if name.count("/") > MAX_DEPTH:  # The names of all folders above such a member may take more than the memory.
        return f"is in more than {MAX_DEPTH} folders in each other. Move it up and pack the zip again"
    return None


def _unflagged_name(stored: bytes, extra: bytes) -> str:
    for kind, field in _extra_fields(extra):
        # Version 1, then the CRC of the stored name, so that a field of an older name does not count.
        if kind == _UNICODE_PATH and field[:5] == b"\x01" + struct.pack("<I", zlib.crc32(stored)):
            stored = field[5:]
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        return stored.decode("cp437")


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        yield kind, extra[4 : 4 + length]
        extra = extra[4 + length :]
