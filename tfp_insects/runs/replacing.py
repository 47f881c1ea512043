"""Files of a run that change together: all of them or none, however the process ends."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tfp_insects.files import partial_prefix, told_if_not_written
from tfp_insects.runs.layout import NEXT_NAME, RECORD_NAME
from tfp_insects.runs.lock import locked


@contextlib.contextmanager
def replaced_together(directory: Path) -> Iterator[Path]:
    """Gives an empty directory; what the block writes there takes the place of files of the same names.

    They do so when the block ends without an error. One rename decides: before it the old files count, after it the new
    ones, and whoever opens the run next does what is left.

    Args:
        directory: The run's, which this process holds.

    Raises:
        InputError: The system cannot write; the old files stay.
    """
    partial = directory / f"{partial_prefix()}{os.getpid()}{NEXT_NAME}"
    try:
        with told_if_not_written(directory):
            partial.mkdir()
            yield partial
            partial.rename(directory / NEXT_NAME)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    finish_replacing(directory)


def finish_replacing(directory: Path) -> None:
    """Puts new files where they belong, if the process that wrote them did not come to that; the record goes last.

    Args:
        directory: The run's, which this process holds.

    Raises:
        InputError: The system does not let them be moved.
    """
    new = directory / NEXT_NAME
    with told_if_not_written(directory):
        if new.is_dir():
            for path in sorted(new.iterdir(), key=lambda one: one.name == RECORD_NAME):
                os.replace(path, directory / path.name)
            new.rmdir()


def settle(directory: Path) -> None:
    """What a reader does first: finishes a replacement that was broken off.

    Raises:
        InputError: Another command is at work in the directory.
    """
    if (directory / NEXT_NAME).is_dir():
        with locked(directory):
            finish_replacing(directory)
