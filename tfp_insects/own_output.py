"""Which directories this program wrote, so that what it wrote is never taken for data."""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

MARKER_NAME = ".tfp_insects"
_MARKER_TEXT = "A directory of tfp_insects: what is in it is never read as data.\n"
# Files that are in each directory of a run, and in each exported version of a model.
_SIGNS = ({"config.json", ".lock"}, {"config.json", "history.csv"}, {"saved_model.pb", "model_card.json"})
_NAMELESS = {"report"}  # directories among runs that have no sign of their own


def mark_own_output(directory: Path, written: Collection[str] = ()) -> None:
    """Marks a directory that holds nothing but what was just written; one that holds more may be the user's, with images.

    Where the mark cannot be written, there is none: whoever writes more than a mark will say what is wrong.

    Args:
        directory: The directory.
        written: Names of files that this program has written there.
    """
    with contextlib.suppress(OSError):
        if set(written).issuperset(os.listdir(directory)):
            (directory / MARKER_NAME).write_text(_MARKER_TEXT)


def is_own_output(names: Collection[str]) -> bool:
    """Whether a directory with files of these names was written by this program: it is marked, a run, or an export."""
    return MARKER_NAME in names or any(sign.issubset(names) for sign in _SIGNS)


def holds_own_output(folders: Collection[tuple[str, Collection[str]]]) -> bool:
    """Whether a directory with these folders (name, and names of files) is one of runs or of versions, and nothing else."""
    are_own = [is_own_output(names) for name, names in folders if name not in _NAMELESS]
    return bool(are_own) and all(are_own)
