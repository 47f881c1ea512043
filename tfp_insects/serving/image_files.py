"""Images to predict: a folder or a zip of any layout, listed and read one at a time."""

import dataclasses
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tfp_insects.data.images import IMAGE_ENDINGS
from tfp_insects.data.readers.archives import MAX_IMAGE_BYTES, open_archive
from tfp_insects.data.readers.folders import is_image, is_visible
from tfp_insects.errors import InputError


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """Images by name.

    Attributes:
        names: Lists the names, relative and with slashes, in the same order each time; they are not all kept in memory.
        read: Returns the content of one; raises `InputError` for one that cannot be read.
        count: Number of images.
    """

    names: Callable[[], Iterator[str]]
    read: Callable[[str], bytes]
    count: int


def open_image_files(path: Path) -> ImageFiles:
    """Opens a zip, or a folder with all folders in it; hidden files and links to folders are left out.

    Raises:
        InputError: There is nothing of that name, no image in it, or the zip is refused.
    """
    if path.is_dir():
        files = _folder_files(path)
    elif path.is_file():
        files = _archive_files(path)
    else:
        raise InputError(f"--images={path}: no such file or folder; expected a folder or a zip of images")
    if files.count == 0:
        raise InputError(
            f"--images={path}: there is no image in it; expected files ending in {', '.join(IMAGE_ENDINGS)}"
        )
    return files


def _folder_files(path: Path) -> ImageFiles:
    def names() -> Iterator[str]:
        return _walk(path)

    def read(name: str) -> bytes:
        file = path / name
        try:
            _require_image_file(file.stat())
            return file.read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})") from error

    return ImageFiles(names, read, sum(1 for _ in names()))


def _require_image_file(status: os.stat_result) -> None:
    """Refuses pipes and devices, which may never end, and files too large for an image."""
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is a pipe or a device, not a file")
    if status.st_size > MAX_IMAGE_BYTES:
        raise InputError(f"has {status.st_size:,} bytes, too much for an image")


def _walk(path: Path) -> Iterator[str]:
    def stop(error: OSError) -> None:
        raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror})") from error

    for current, folders, files in os.walk(path, onerror=stop):
        folders[:] = sorted(folder for folder in folders if is_visible(folder))
        parent = Path(current).relative_to(path)
        yield from ((parent / file).as_posix() for file in sorted(files) if is_visible(file) and is_image(file))


def _archive_files(path: Path) -> ImageFiles:
    members, read = open_archive(path, max_unpacked_bytes=None)
    names = sorted(name for name, info in members.items() if not info.is_dir() and is_visible(name) and is_image(name))
    return ImageFiles(lambda: iter(names), read, len(names))
