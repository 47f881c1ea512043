"""A zip of class folders, read in memory and never unpacked to disk, whoever made it."""

import stat
import threading
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

from tfp_insects.data.readers import folders, names, zip_content
from tfp_insects.data.readers.zip_names import is_folder, member_name, objection_to_name
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.own_output import holds_own_output, is_own_output

MAX_UNPACKED_BYTES = 4 * 2**30
MAX_IMAGE_BYTES = 2**28
# Images hardly shrink in a zip. A megabyte of one colour, which is no photograph, shrinks to a thousandth.
MAX_RATIO = 200
MAX_BYTES_OF_ANY_RATIO = 2**22

_OTHER_ARCHIVES = ((0, b"Rar!"), (0, b"7z\xbc\xaf"), (0, b"\x1f\x8b"), (0, b"BZh"), (0, b"\xfd7zXZ"), (257, b"ustar"))


def archive_source(
    path: Path, max_unpacked_bytes: int = MAX_UNPACKED_BYTES, *, needs_classes: bool = True
) -> ImageSource:
    """Opens a zip of class folders, with one top folder or none.

    Args:
        path: The zip.
        max_unpacked_bytes: Bound on the sum of the sizes that the members declare. No member is read beyond its
            declared size.
        needs_classes: Whether an image in no class folder, or a lone class, is an error.

    Raises:
        InputError: See `open_archive`; or its layout is not that of classes. `read` raises it for a damaged member.
    """
    members, read = open_archive(path, max_unpacked_bytes)
    files = [name for name, info in members.items() if not is_folder(info)]
    return folders.labelled_source(path, files, members.keys() - set(files), read, needs_classes=needs_classes)


def open_archive(
    path: Path, max_unpacked_bytes: int | None = MAX_UNPACKED_BYTES
) -> tuple[dict[str, zipfile.ZipInfo], Callable[[str], bytes]]:
    """Opens a zip of any layout.

    Args:
        path: The zip.
        max_unpacked_bytes: Bound on the sum of the sizes that the members declare; none where members are read one at a
            time and not kept.

    Returns:
        Its members by name, without what this program wrote, and a function that reads one of them, which may be called from
        several threads and raises `InputError` for a damaged member.

    Raises:
        InputError: It is no zip or truncated, unpacks to too much, or has a member with an unsafe name, a link or an
            encrypted member.
    """
    archive = _opened(path)
    _check_sizes(path, archive.infolist(), max_unpacked_bytes)
    members = _members_by_name(path, archive.infolist())
    lock = threading.Lock()  # ZipFile counts its open members without one

    def read(name: str) -> bytes:
        with lock:
            return _read_member(path, archive, name, members[name])

    return _without_own_output(members), read


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zip_content.ERRORS as error:
        raise InputError(f"{path}: {_what_it_is(path, error)}") from error


def _what_it_is(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as reason:
        return f"cannot be read ({reason.strerror})."
    if start.startswith((b"\xff\xd8\xff", b"\x89PNG")) or names.is_image(path.name):
        return "an image, but a folder or a zip of images is expected. Name the folder that it is in."
    if any(start.startswith(mark, place) for place, mark in _OTHER_ARCHIVES):
        return "an archive of another kind than zip. Unpack it and name the folder, or pack it as a zip."
    return f"not a zip, or a truncated one ({error}). Fetch or pack it again."


def _check_sizes(path: Path, infos: Collection[zipfile.ZipInfo], max_unpacked_bytes: int | None) -> None:
    total = sum(info.file_size for info in infos)
    if max_unpacked_bytes is not None and total > max_unpacked_bytes:
        raise InputError(
            f"{path}: unpacks to {total:,} bytes, more than the {max_unpacked_bytes:,} that are allowed for a zip. "
            "If you trust it, unpack it and name the folder."
        )
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        raise InputError(f"{path}: its members overlap, as in a zip bomb. Pack it again.")


def _members_by_name(path: Path, infos: Collection[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Checks every member and returns them by their name without empty and '.' parts."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        stored = member_name(info)
        objection = objection_to_name(stored) or _objection(info, stored)
        if objection:
            raise InputError(f"{path}: member {info.orig_filename!r} {objection}. The zip is refused as a whole.")
        name = "/".join(part for part in stored.split("/") if part not in ("", "."))
        if name in members and names.is_image(name) and not is_folder(info):
            raise InputError(f"{path}: two members are called {name!r}. Pack it again with unique names.")
        if name:
            members.setdefault(name, info)
    return members


def _objection(info: zipfile.ZipInfo, name: str) -> str | None:
    """Says what is wrong with a member's entry, or returns None."""
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device. Pack the zip again with the files that links lead to, or unpack it and name the folder"
    if info.flag_bits & 1:
        return "is encrypted. Pack the zip again without a password"
    if not names.is_image(name):
        return None
    if info.compress_type not in zip_content.READABLE:
        return f"is compressed by method {info.compress_type}. Pack the zip again with deflate, the usual method"
    if info.file_size > MAX_IMAGE_BYTES:
        return f"unpacks to {info.file_size:,} bytes, too much for an image"
    if info.file_size > max(MAX_BYTES_OF_ANY_RATIO, MAX_RATIO * info.compress_size):
        return f"unpacks to over {MAX_RATIO} times its size, as a zip bomb does; no photograph does so"
    return None


def _without_own_output(members: dict[str, zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Leaves out folders of runs, reports and exports; what is not in a folder stays."""
    files: dict[str, set[str]] = {}
    for name in members:
        folder, _, file = name.rpartition("/")
        files.setdefault(folder, set()).add(file)
    inside: dict[str, list[tuple[str, set[str]]]] = {}
    for folder, its_files in files.items():
        above, _, last = folder.rpartition("/")
        inside.setdefault(above, []).append((last, its_files))
    own = {folder for folder, its_files in files.items() if folder and is_own_output(its_files)}
    own |= {folder for folder, its_folders in inside.items() if folder and holds_own_output(its_folders)}
    if not own:
        return members
    return {name: info for name, info in members.items() if own.isdisjoint(_folders_of(name))}


def _folders_of(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _read_member(path: Path, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> bytes:
    try:
        return zip_content.read_member(archive, info)
    except zip_content.ERRORS as error:
        raise InputError(f"{path}: member {name!r} is damaged ({error}).") from error
