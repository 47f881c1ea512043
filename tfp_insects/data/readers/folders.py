"""Images in class folders, the layout `class/file.jpg` that folders and zips share.

One top folder may stand above the class folders. Hidden files and folders, `__MACOSX`, and files that are no JPEG or
PNG by their ending are ignored. An image anywhere else than directly in a class folder is an error, because leaving it
out silently would change what is measured.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tfp_insects.data.images import IMAGE_ENDINGS
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError

EXPECTED = "Expected class/file.jpg or top/class/file.jpg, with one folder for each of at least two classes."
MAX_DEPTH = 3  # a top folder, a class folder, and one in it that should not be there


def folder_source(path: Path) -> ImageSource:
    """Opens a folder of class folders; links to folders and files are followed.

    Raises:
        InputError: The layout is not `class/file.jpg`, a class folder is empty, or a folder cannot be read.
    """
    files, folders = _walk(path)

    def read(file: str) -> bytes:
        if not (path / file).is_file():
            raise InputError(f"{path / file}: not a file.")
        try:
            return (path / file).read_bytes()
        except OSError as error:
            raise InputError(f"{path / file}: cannot be read ({error.strerror}).") from error

    return class_folder_source(path, files, folders, read)


def class_folder_source(
    path: Path, files: Iterable[str], folders: Iterable[str], read: Callable[[str], bytes]
) -> ImageSource:
    """Finds classes and examples among relative paths.

    Args:
        path: The zip or folder, for its name and for error messages.
        files: Paths of files relative to it, with slashes, unique.
        folders: Paths of folders in the same form; those that hold a file need not be listed.
        read: Returns the content of one of the files.

    Raises:
        InputError: The layout is not `class/file.jpg`, or a class folder is empty.
    """
    visible = [file for file in files if is_visible(file)]
    images = sorted(file for file in visible if is_image(file))
    parents = [file.rpartition("/")[0] for file in visible]
    depths = {folder: folder.count("/") + 1 for folder in {*folders, *parents} if folder and is_visible(folder)}
    top = _top_folder(images, depths)
    class_folders = sorted(folder for folder, depth in depths.items() if depth == (2 if top else 1))
    _check_layout(path, images, class_folders)

    skipped = len(top) + 1 if top else 0
    files_by_id = {image[skipped:]: image for image in images}
    example_ids = tuple(sorted(files_by_id))
    class_names = tuple(folder[skipped:] for folder in class_folders)
    label_of = {name: label for label, name in enumerate(class_names)}
    return ImageSource(
        name=path.resolve().name,
        class_names=class_names,
        example_ids=example_ids,
        labels=np.array([label_of[example_id.partition("/")[0]] for example_id in example_ids], np.int32),
        groups=None,
        read=lambda index: read(files_by_id[example_ids[index]]),
    )


def is_visible(file: str) -> bool:
    """Says whether no part of a path is hidden or macOS's `__MACOSX`."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in file.split("/"))


def is_image(file: str) -> bool:
    """Says whether a file's ending is that of a JPEG or PNG."""
    return file.lower().endswith(IMAGE_ENDINGS)


def _top_folder(images: list[str], depths: dict[str, int]) -> str:
    """Returns the one folder above all class folders, or '' where there is none."""
    first = [folder for folder, depth in depths.items() if depth == 1]
    return first[0] if len(first) == 1 and images and all(image.count("/") >= 2 for image in images) else ""


def _check_layout(path: Path, images: list[str], class_folders: list[str]) -> None:
    if not class_folders:
        raise InputError(f"{path}: there are no class folders. {EXPECTED}")
    known = set(class_folders)
    misplaced = [image for image in images if image.rpartition("/")[0] not in known]
    if misplaced:
        raise InputError(
            f"{path}: {len(misplaced)} images are not directly in a class folder, the first is {misplaced[0]!r}. "
            f"{EXPECTED}"
        )
    filled = {image.rpartition("/")[0] for image in images}
    empty = [folder for folder in class_folders if folder not in filled]
    if empty:
        raise InputError(
            f"{path}: {len(empty)} class folders are empty (they hold no .jpg, .jpeg or .png file), the first is "
            f"{empty[0]!r}. Put images into each, or remove the folder."
        )
    if len(class_folders) < 2:
        raise InputError(f"{path}: there is only one class folder, {class_folders[0]!r}. {EXPECTED}")


def _walk(path: Path) -> tuple[list[str], list[str]]:
    """Lists files and folders relative to `path`, `MAX_DEPTH` folders deep, so that a link to itself does no harm."""

    def stop(error: OSError) -> None:
        raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror}).") from error

    files, folders = [], []
    for current, subfolders, names in os.walk(path, followlinks=True, onerror=stop):
        parts = Path(current).relative_to(path).parts
        subfolders[:] = [name for name in subfolders if is_visible(name)] if len(parts) < MAX_DEPTH else []
        files += ["/".join([*parts, name]) for name in names]
        folders += ["/".join([*parts, name]) for name in subfolders]
    return files, folders
