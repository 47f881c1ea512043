"""Images in class folders, the layout that folders and zips share.

What is hidden, left behind by a system, or no JPEG or PNG by its ending is not read, and counted where a person may miss it.
An image in no class folder is an error, because leaving it out silently would change what is measured.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from tfp_insects.data.readers.layouts import Layout, all_alike, find_layout
from tfp_insects.data.readers.names import (
    as_text,
    count_left_out,
    counted,
    describe_left_out,
    describe_renamed,
    describe_twins,
    is_visible,
    listing,
)
from tfp_insects.data.readers.walking import walk
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError


def folder_source(path: Path, *, needs_classes: bool = True) -> ImageSource:
    """Opens a folder of class folders; links to folders and files are followed.

    Args:
        path: The folder.
        needs_classes: Whether an image in no class folder, or a lone class, is an error.

    Raises:
        InputError: The layout is not that of classes, or a folder cannot be read.
    """
    files: list[str] = []
    folders: list[str] = []
    for folder in walk(path):
        files += folder.paths_of(folder.files)
        folders += folder.paths_of(folder.folders)

    def read(file: str) -> bytes:
        if not (path / file).is_file():
            raise InputError(f"{path / file}: not a file.")
        try:
            return (path / file).read_bytes()
        except OSError as error:
            raise InputError(f"{path / file}: cannot be read ({error.strerror}).") from error

    return labelled_source(path, files, folders, read, needs_classes=needs_classes)


def labelled_source(
    path: Path,
    files: Iterable[str],
    folders: Iterable[str],
    read: Callable[[str], bytes],
    *,
    needs_classes: bool = True,
) -> ImageSource:
    """Finds classes and examples among relative paths.

    Args:
        path: The zip or folder, for its name and for error messages.
        files: Paths of files relative to it, with slashes, unique.
        folders: Paths of folders in the same form; those that hold a file need not be listed.
        read: Returns the content of one of the files.
        needs_classes: Whether an image in no class folder, or a lone class, is an error.

    Raises:
        InputError: The layout is not that of classes; see `find_layout`.
    """
    visible = [file for file in files if is_visible(file)]
    left_out = describe_left_out(count_left_out(visible))
    try:
        seen = [folder for folder in folders if is_visible(folder)]
        layout = find_layout(visible, seen) if needs_classes else all_alike(visible)
        return _source(path, layout, read, left_out)
    except InputError as error:
        raise InputError(" ".join(filter(None, [f"{path}: {error}", left_out]))) from error


def _source(path: Path, layout: Layout, read: Callable[[str], bytes], left_out: str) -> ImageSource:
    file_of = _files_by_id(layout)
    example_ids = tuple(sorted(file_of))
    places = [layout.places[file_of[example_id]] for example_id in example_ids]
    folder_names = sorted({place.class_name for place in places})
    class_names = tuple(sorted(set(map(as_text, folder_names))))
    label_of = {name: class_names.index(as_text(name)) for name in folder_names}
    notes = [
        left_out,
        describe_renamed(part for file in layout.places for part in file[len(layout.top) :].split("/")),
        describe_twins(class_names),
        _describe_parts([place.part for place in places]) if layout.has_parts else _describe_deep(layout),
    ]
    return ImageSource(
        name=as_text(path.resolve().name),
        class_names=class_names,
        example_ids=example_ids,
        labels=np.array([label_of[place.class_name] for place in places], np.int32),
        groups=None,
        read=lambda index: read(file_of[example_ids[index]]),
        parts=tuple(place.part for place in places) if layout.has_parts else None,
        notes=tuple(filter(None, notes)),
    )


def _files_by_id(layout: Layout) -> dict[str, str]:
    """Each image's path by its id, which is the path below the top in a form that can be stored anywhere."""
    file_of: dict[str, str] = {}
    for file in layout.places:
        example_id = as_text(file[len(layout.top) :])
        if example_id in file_of:
            raise InputError(
                f"two images are called {example_id!r} once their names are read as text; rename one of them"
            )
        file_of[example_id] = file
    return file_of


def _describe_parts(parts: Sequence[str]) -> str:
    counts = [f"{parts.count(part):,} {part}" for part in ("train", "validation", "test") if part in parts]
    return f"The split that the data set comes with is kept: {', '.join(counts)} images."


def _describe_deep(layout: Layout) -> str:
    deep = [file for file in layout.places if file[len(layout.top) :].count("/") > 1]
    if not deep:
        return ""
    example, name = as_text(deep[0]), as_text(layout.places[deep[0]].class_name)
    count = counted(len(deep), "image", "images")
    return f"Folders within a class belong to it: {count}, such as {example!r} of class {name!r}.{_doubt(layout)}"


def _doubt(layout: Layout) -> str:
    """Says where folders within classes look like the classes: sites, or parts of a split that has another name."""
    within: dict[str, set[str]] = {}
    for file, place in layout.places.items():
        _, *inner = file[len(layout.top) :].split("/")
        within.setdefault(place.class_name, set()).add(inner[0] if len(inner) > 1 else "")
    first, *others = within.values()
    if "" in first or len(first) < 2 or any(folders != first for folders in others):
        return ""
    return (
        f" All classes have the same folders, {listing(sorted(map(as_text, first)), 3)}: if these are the classes, move them "
        "to the top, or call the folders above them train, val and test."
    )
