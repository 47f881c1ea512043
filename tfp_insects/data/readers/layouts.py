"""Which folders are classes, and which are parts of a split that the data set comes with."""

import dataclasses
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from tfp_insects.data.readers.names import counted, is_image, listing
from tfp_insects.errors import InputError

EXPECTED = (
    "Expected class/image.jpg or top/class/image.jpg, with one folder for each of at least two classes, or the same within "
    "train, val and test."
)
TRAIN, VALIDATION, TEST = "train", "validation", "test"
PART_OF_FOLDER = {
    **{"train": TRAIN, "training": TRAIN},
    **{"val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "dev": VALIDATION},
    **{"test": TEST, "testing": TEST},
}
_SUFFIX = re.compile(r"[ _-]?(set|data|images)$")  # as in train_set


class Place(NamedTuple):
    """Where an image belongs: its class, and its part of a given split (empty where none is given)."""

    class_name: str
    part: str


@dataclasses.dataclass(frozen=True)
class Layout:
    """What the folders of a data set mean.

    Attributes:
        top: The folders above all others, with a slash at the end, or ''.
        places: Of each image, by its path.
    """

    top: str
    places: Mapping[str, Place]

    @property
    def has_parts(self) -> bool:
        """Whether the data set comes with a split."""
        return any(place.part for place in self.places.values())


def find_layout(files: Sequence[str], folders: Collection[str]) -> Layout:
    """Finds classes and parts among visible paths; folders within a class belong to it.

    Args:
        files: Relative paths of files, with slashes.
        folders: Relative paths of folders; those above a file need not be among them.

    Raises:
        InputError: Images lie in no class folder, a class has none, or the parts of a split have different classes.
    """
    images = sorted(file for file in files if is_image(file))
    if not images:
        raise InputError(f"there are no images (.jpg or .png) in it. {EXPECTED}")
    all_folders = {*folders, *_above(files)}
    top = _top(images, all_folders)
    inner = {image: image[len(top) :].split("/") for image in images}
    places = _places_with_parts(inner)
    if places is None:
        places = {image: Place(parts[0] if len(parts) > 1 else "", "") for image, parts in inner.items()}
        _require_class_folders(files, _first_folders(all_folders, top), places)
    else:
        _require_equal_classes(places)
    return Layout(top, places)


def all_alike(files: Sequence[str]) -> Layout:
    """The layout where classes do not matter: the first folders are classes if all images are in some, else all are one."""
    images = sorted(file for file in files if is_image(file))
    if not images:
        raise InputError("there are no images (.jpg or .png) in it.")
    top = _top(images, _above(images))
    inner = {image: image[len(top) :] for image in images}
    is_sorted = all("/" in image for image in inner.values())
    places = {image: Place(path.partition("/")[0] if is_sorted else "images", "") for image, path in inner.items()}
    return Layout(top, places)


def _above(files: Iterable[str]) -> set[str]:
    """All folders that the files are in."""
    folders: set[str] = set()
    for folder in {file.rpartition("/")[0] for file in files}:
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _first_folders(folders: Iterable[str], top: str) -> list[str]:
    """Names of the folders directly below `top`."""
    return sorted({folder[len(top) :].partition("/")[0] for folder in folders if folder.startswith(top)} - {""})


def _top(images: Sequence[str], folders: Collection[str]) -> str:
    """Goes down as long as there is one folder alone which holds no image itself."""
    top = ""
    while True:
        first = _first_folders(folders, top)
        if len(first) != 1 or any(image.count("/") <= top.count("/") + 1 for image in images):
            return top
        top = f"{top}{first[0]}/"


def _places_with_parts(inner: Mapping[str, Sequence[str]]) -> dict[str, Place] | None:
    """Places where a split is given, as part/class/image or class/part/image; None where none is given."""
    for part_at, class_at in ((0, 1), (1, 0)):
        names = {parts[part_at] for parts in inner.values() if len(parts) > part_at + 1}
        known = {name: PART_OF_FOLDER.get(_SUFFIX.sub("", name.lower()), "") for name in names}
        is_nested = any(len(parts) > 2 and known[parts[part_at]] for parts in inner.values())
        if TRAIN not in known.values() or len(set(known.values()) - {""}) < 2 or not is_nested:
            continue
        _require_only_parts(inner, known, part_at)
        return {image: Place(parts[class_at], known[parts[part_at]]) for image, parts in inner.items()}
    return None


def _require_only_parts(inner: Mapping[str, Sequence[str]], known: Mapping[str, str], part_at: int) -> None:
    parts = Counter(part for part in known.values() if part)
    for part, number in parts.items():
        if number > 1:
            twins = sorted(name for name in known if known[name] == part)
            raise InputError(f"the folders {' and '.join(twins)} both stand for the part {part}; keep one of them")
    outside = [image for image, parts in inner.items() if len(parts) < 3 or not known.get(parts[part_at])]
    if outside:
        parts_found = ", ".join(sorted(name for name in known if known[name]))
        images_are = counted(len(outside), "image is", "images are")
        raise InputError(
            f"it is split into {parts_found}, but {images_are} in none of their class folders, the first is {outside[0]!r}. "
            "Expected part/class/image.jpg; move these images, or remove them"
        )


def _require_equal_classes(places: Mapping[str, Place]) -> None:
    classes: dict[str, set[str]] = {}
    for place in places.values():
        classes.setdefault(place.part, set()).add(place.class_name)
    everywhere = set.union(*classes.values())
    for part, names in sorted(classes.items()):
        if names != everywhere:
            missing = listing(sorted(everywhere - names))
            raise InputError(
                f"the given split has classes without an image in {part}: {missing}. Put images into each, or remove these "
                "classes from the other parts"
            )
    _require_two(sorted(everywhere))


def _require_class_folders(files: Sequence[str], class_folders: Sequence[str], places: Mapping[str, Place]) -> None:
    if not class_folders:
        raise InputError(f"there are no class folders. {EXPECTED}")
    outside = [image for image, place in places.items() if not place.class_name]
    if outside:
        raise InputError(
            f"{counted(len(outside), 'image is', 'images are')} in no class folder, the first is {outside[0]!r}. {EXPECTED}"
        )
    filled = {place.class_name for place in places.values()}
    empty = [name for name in class_folders if name not in filled]
    if empty:
        raise InputError(
            f"{counted(len(empty), 'class folder is', 'class folders are')} empty (without a JPEG or PNG file), the first is "
            f"{empty[0]!r}. Put images into each, or remove the folder"
        )
    _require_two(class_folders)


def _require_two(class_names: Sequence[str]) -> None:
    if len(class_names) < 2:
        raise InputError(f"there is only one class folder, {class_names[0]!r}. {EXPECTED}")
