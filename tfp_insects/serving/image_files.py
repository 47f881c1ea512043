"""Images to predict: one file, a list of files, or a folder or a zip of any layout, listed and read one at a time."""

import dataclasses
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tfp_insects.data.image_headers import IMAGE_ENDINGS, objection
from tfp_insects.data.readers.archives import MAX_IMAGE_BYTES, open_archive
from tfp_insects.data.readers.names import count_left_out, describe_left_out, is_image, is_visible
from tfp_insects.data.readers.walking import walk
from tfp_insects.data.readers.zip_names import is_folder
from tfp_insects.errors import InputError

LIST_ENDING = ".txt"
_HEAD_BYTES = 32
Read = Callable[[str], bytes]


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """Images by name.

    Attributes:
        names: Lists the names, relative and with slashes, in the same order each time; they are not all kept in memory.
        read: Returns the content of one; raises `InputError` for one that cannot be read.
        count: Number of images.
        origin: What the names are relative to, a folder or a zip; or the list that has them.
        is_whole: Whether these are all images of the origin.
        left_out: A sentence on files that are not read; empty where there are none.
    """

    names: Callable[[], Iterator[str]]
    read: Read
    count: int
    origin: Path
    is_whole: bool = True
    left_out: str = ""


def open_image_files(path: Path) -> ImageFiles:
    """Opens an image, a zip, a list of paths, or a folder with all folders in it, also linked ones.

    Of folders and zips, hidden files are left out. A list is a text file (`.txt`) with a path a line, from the list's own
    folder on where it is not absolute.

    Raises:
        InputError: There is nothing of that name, no image in it, or the zip is refused.
    """
    if path.is_dir():
        files = _folder_files(path)
    elif not path.is_file():
        raise InputError(
            f"images={path}: no such file or folder; expected an image, or a folder or a zip of images", field="images"
        )
    elif _is_lone_image(path):
        return ImageFiles(lambda: iter([path.name]), _reader(path.parent), 1, path.parent, is_whole=False)
    elif path.suffix.lower() == LIST_ENDING:
        files = _listed_files(path)
    else:
        files = _archive_files(path)
    if files.count == 0:
        endings = f"files ending in {', '.join(IMAGE_ENDINGS)}"
        expected = f"expected {'a path a line' if path.suffix.lower() == LIST_ENDING else endings}"
        raise InputError(
            f"images={path}: there is no image in it; {expected}. {files.left_out}".rstrip(), field="images"
        )
    return files


def open_reader(path: Path) -> Read:
    """What reads the images of `open_image_files`, without listing them: for workers that are told their names."""
    if path.is_dir():
        return _reader(path)
    if path.is_file() and not _is_lone_image(path) and path.suffix.lower() != LIST_ENDING:
        return open_archive(path, max_unpacked_bytes=None)[1]
    return _reader(path.parent)


def _is_lone_image(path: Path) -> bool:
    """Whether a file is an image by its ending or its first bytes, and no zip."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return not head.startswith(b"PK") and (is_image(path.name) or objection(head) is None)


def _folder_files(path: Path) -> ImageFiles:
    def names() -> Iterator[str]:
        for listing in walk(path):
            yield from listing.paths_of([name for name in listing.files if is_image(name)])

    left_out: Counter[str] = Counter()
    count = 0
    for listing in walk(path):
        count += sum(map(is_image, listing.files))
        left_out += count_left_out(listing.files)
    return ImageFiles(names, _reader(path), count, path, left_out=describe_left_out(left_out))


def _listed_files(path: Path) -> ImageFiles:
    """All that a list names: what is no image is a row with its error."""

    def names() -> Iterator[str]:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            yield from filter(None, (line.strip() for line in lines))

    return ImageFiles(names, _reader(path.parent), sum(1 for _ in names()), path)


def _reader(folder: Path) -> Read:
    def read(name: str) -> bytes:
        file = folder / name
        try:
            _require_image_file(file.stat())
            return file.read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})") from error

    return read


def _require_image_file(status: os.stat_result) -> None:
    """Refuses pipes and devices, which may never end, and files too large for an image."""
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is a pipe or a device, not a file")
    if status.st_size > MAX_IMAGE_BYTES:
        raise InputError(f"has {status.st_size:,} bytes, too much for an image")


def _archive_files(path: Path) -> ImageFiles:
    members, read = open_archive(path, max_unpacked_bytes=None)
    files = [name for name, info in members.items() if not is_folder(info) and is_visible(name)]
    names = sorted(filter(is_image, files))
    left_out = describe_left_out(count_left_out(files))
    return ImageFiles(lambda: iter(names), read, len(names), path, left_out=left_out)
