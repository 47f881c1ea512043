"""Names of files as strangers choose them: which are images, which a system left behind, and how they are shown."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from tfp_insects.data.image_headers import IMAGE_ENDINGS
from tfp_insects.text import readable

NUM_NAMED = 8  # endings or names that a sentence lists
# What macOS, Synology, QNAP, Windows and Linux put among a person's files, lower case.
_SYSTEM_FOLDERS = {
    "__macosx",
    "@eadir",
    "#recycle",
    "@recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
}
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
# Files that accompany images and are none, so that nobody misses them.
_COMPANIONS = re.compile(r"\.(txt|md|rst|csv|tsv|jsonl?|xml|ya?ml|toml|html?|pdf|log|ini|py)")


def is_visible(file: str) -> bool:
    """Whether no part of a path is hidden, or was left behind by a system."""
    *folders, name = file.split("/")
    parts = [*folders, name]
    return (
        not any(part.startswith(".") or part.lower() in _SYSTEM_FOLDERS for part in parts)
        and name.lower() not in _SYSTEM_FILES
    )


def is_image(file: str) -> bool:
    """Whether a file's ending is that of a JPEG or PNG."""
    return file.lower().endswith(IMAGE_ENDINGS)


def ending(file: str) -> str:
    """A file's ending in lower case, with its dot; empty where it has none."""
    stem, dot, last = file.rpartition("/")[2].rpartition(".")
    return f".{last.lower()}" if dot and stem and len(last) <= 10 and " " not in last else ""


def count_left_out(files: Iterable[str]) -> Counter[str]:
    """Counts the visible files that are no JPEG or PNG, by ending, without those that accompany images."""
    endings = Counter(ending(file) for file in files if not is_image(file))
    return Counter({name: count for name, count in endings.items() if not _COMPANIONS.fullmatch(name)})


def describe_left_out(left_out: Counter[str]) -> str:
    """Says in one line which files are not read; empty where all are."""
    if not left_out:
        return ""
    counts = [f"{count:,} {name or 'without an ending'}" for name, count in left_out.most_common(NUM_NAMED)]
    rest = left_out.total() - sum(count for _, count in left_out.most_common(NUM_NAMED))
    more = f" and {rest:,} others" if rest else ""
    return (
        f"{counted(left_out.total(), 'file is', 'files are')} left out, since only JPEG and PNG "
        f"({', '.join(IMAGE_ENDINGS)}) are read: {', '.join(counts)}{more}."
    )


def as_text(name: str) -> str:
    r"""A name that can be shown, stored and encoded anywhere.

    Bytes that are no UTF-8, which Python keeps as lone surrogates, are read as Windows-1252, the commonest code page of
    Western systems; what cannot be seen becomes an escape such as `\n`.
    """
    return readable("".join(map(_decoded, name)))


def _decoded(letter: str) -> str:
    if not "\udc80" <= letter <= "\udcff":
        return letter
    byte = bytes([ord(letter) - 0xDC00])  # PEP 383
    return byte.decode("cp1252", "ignore") or byte.decode("latin-1")


def describe_renamed(names: Iterable[str]) -> str:
    """Says in one line which names are not shown as they are; empty where all are."""
    changed = sorted({name for name in names if as_text(name) != name})
    if not changed:
        return ""
    listed = listing([f"'{as_text(name)}'" for name in changed], 3)
    return (
        f"{counted(len(changed), 'name is', 'names are')} not UTF-8, or with control characters; other bytes are read as "
        f"Windows-1252 and controls written as escapes: {listed}."
    )


def describe_twins(class_names: Sequence[str]) -> str:
    """Names the classes that a person may have meant to be one: equal but for case, spaces, or how accents are stored."""
    groups: dict[str, list[str]] = {}
    for name in class_names:
        groups.setdefault(" ".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    # Accents look alike in both forms, their codes do not.
    twins = [" and ".join(map(ascii, group)) for group in groups.values() if len(group) > 1]
    if not twins:
        return ""
    return f"Classes that differ in case, spaces or the form of accents alone are taken for different ones: {listing(twins)}."


def counted(number: int, one: str, many: str) -> str:
    """A number and what there are so many of: "1 image is", "2,000 images are"."""
    return f"{number:,} {one if number == 1 else many}"


def listing(items: Sequence[str], num_named: int = NUM_NAMED) -> str:
    """The first of several words, and how many more there are."""
    more = f" and {len(items) - num_named:,} more" if len(items) > num_named else ""
    return ", ".join(items[:num_named]) + more
