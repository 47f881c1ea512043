"""A zip of class folders, read in memory and never unpacked to disk, whoever made it."""

import re
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tfp_insects.data.readers import folders
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError

MAX_UNPACKED_BYTES = 4 * 2**30
MAX_IMAGE_BYTES = 2**28

_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError)


def archive_source(path: Path, max_unpacked_bytes: int = MAX_UNPACKED_BYTES) -> ImageSource:
    """Opens a zip of class folders, with one top folder or none.

    Args:
        path: The zip.
        max_unpacked_bytes: Bound on the sum of the sizes that the members declare. No member is read beyond its
            declared size.

    Raises:
        InputError: See `open_archive`; or its layout is not `class/file.jpg`. `read` raises it for a damaged member.
    """
    members, read = open_archive(path, max_unpacked_bytes)
    files = [name for name, info in members.items() if not info.is_dir()]
    return folders.class_folder_source(path, files, members.keys() - set(files), read)


def open_archive(
    path: Path, max_unpacked_bytes: int | None = MAX_UNPACKED_BYTES
) -> tuple[dict[str, zipfile.ZipInfo], Callable[[str], bytes]]:
    """Opens a zip of any layout.

    Args:
        path: The zip.
        max_unpacked_bytes: Bound on the sum of the sizes that the members declare; none where members are read one at a
            time and not kept.

    Returns:
        Its members by name, and a function that reads one of them, which may be called from several threads and raises
        `InputError` for a damaged member.

    Raises:
        InputError: It is no zip or truncated, unpacks to too much, or has a member with an unsafe name, a link or an
            encrypted member.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise InputError(f"{path}: not a zip, or a truncated one ({error}). Fetch or pack it again.") from error
    if max_unpacked_bytes is not None:
        _check_size(path, archive.infolist(), max_unpacked_bytes)
    members = _members_by_name(path, archive.infolist())
    lock = threading.Lock()  # ZipFile counts its open members without one

    def read(name: str) -> bytes:
        with lock:
            return _read_member(path, archive, members[name])

    return members, read


def _check_size(path: Path, infos: list[zipfile.ZipInfo], max_unpacked_bytes: int) -> None:
    total = sum(info.file_size for info in infos)
    if total > max_unpacked_bytes:
        raise InputError(
            f"{path}: unpacks to {total:,} bytes, more than the {max_unpacked_bytes:,} that are allowed for a zip. "
            "If you trust it, unpack it and pass the folder."
        )


def _members_by_name(path: Path, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Checks every member and returns them by their name without empty and '.' parts."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        objection = _objection(info)
        if objection:
            raise InputError(f"{path}: member {info.orig_filename!r} {objection}. The zip is refused as a whole.")
        name = "/".join(part for part in info.filename.split("/") if part not in ("", "."))
        if name in members and not info.is_dir():
            raise InputError(f"{path}: two members are called {name!r}. Pack it again with unique names.")
        members.setdefault(name, info)
    return members


def _objection(info: zipfile.ZipInfo) -> str | None:
    """Says what is wrong with a member's entry, or returns None."""
    name = info.orig_filename  # as stored: ZipFile.filename is already mended
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        return "has an absolute path"
    if ".." in name.split("/"):
        return "leads outside the zip ('..')"
    if "\\" in name or "\0" in name:
        return "has a backslash or a zero byte in its name"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if info.flag_bits & 1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed by another method than deflate"
    if folders.is_image(name) and info.file_size > MAX_IMAGE_BYTES:
        return f"unpacks to {info.file_size:,} bytes, too much for an image"
    return None


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as member:
            return member.read(info.file_size + 1)  # read() without a size would unpack a bomb before it is cut
    except _ZIP_ERRORS as error:
        raise InputError(f"{path}: member {info.filename!r} is damaged ({error}).") from error
