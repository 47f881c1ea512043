"""A run's directory in the hands of the one process that works in it."""

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfp_insects.data.changes import describe_change
from tfp_insects.errors import InputError
from tfp_insects.files import read_json, remove_partial_files, write_json
from tfp_insects.runs.fields import TEXTS, TEXTS_BY_NAME, Field, require_fields
from tfp_insects.runs.identity import Difference, first_difference, in_words, read_identity, trained_with
from tfp_insects.runs.layout import (
    CHECKPOINTS_NAME,
    CONFIG_NAME,
    HISTORY_NAME,
    MEMBER_NAME,
    OOD_NAME,
    POSTERIOR_NAME,
    RECORD_NAME,
    SPLIT_NAME,
    TENSORBOARD_NAME,
    TEST_NAME,
    VALIDATION_NAME,
    WEIGHT_POSTERIOR_NAME,
)
from tfp_insects.runs.lock import locked
from tfp_insects.runs.replacing import finish_replacing

SPLIT: Mapping[str, Field] = {"test": TEXTS, "validation": TEXTS, "pool": TEXTS, "images": TEXTS_BY_NAME}


@contextlib.contextmanager
def claimed_directory(directory: Path, identity: Mapping[str, Any], split: Mapping[str, Any]) -> Iterator[None]:
    """Makes a run's directory, or checks that what is there was trained with the same, and holds it.

    Where there is nothing to go on from, it is made anew.

    What a process that was killed left half-done is tidied up first.

    Args:
        directory: The run's.
        identity: Its `config.json` as it would be written now.
        split: Its `split.json`.

    Raises:
        InputError: The directory holds a run that was trained with something else, where the message names the first field;
            or another command is at work in it; or it cannot be written.
    """
    with locked(directory):
        remove_partial_files(directory)
        finish_replacing(directory)
        before = read_identity(directory / CONFIG_NAME) if (directory / CONFIG_NAME).exists() else None
        if before is not None and holds_work(directory):
            _require_same_training(directory, before, identity, split)
        else:
            _clear(directory)
            write_json(directory / SPLIT_NAME, split)
            write_json(directory / CONFIG_NAME, identity)
        yield


def holds_work(directory: Path) -> bool:
    """Whether a run's directory has what a command would go on from: a checkpoint, weights, predictions or a record.

    Else it is begun anew, with whatever settings: a training that failed in its first epoch keeps nobody to its rates.
    """
    results = (RECORD_NAME, VALIDATION_NAME, TEST_NAME, OOD_NAME)
    checkpoints = (path for path in directory.rglob(CHECKPOINTS_NAME) if path.is_dir())
    return any((directory / name).exists() for name in results) or any(any(path.iterdir()) for path in checkpoints)


def _clear(directory: Path) -> None:
    """Removes what is left of a training of which nothing counts; its configuration last, so that it is done or not."""
    for path in (directory / TENSORBOARD_NAME, *directory.glob(MEMBER_NAME.format("*"))):
        shutil.rmtree(path, ignore_errors=True)
    for name in (HISTORY_NAME, POSTERIOR_NAME, WEIGHT_POSTERIOR_NAME, CONFIG_NAME):
        (directory / name).unlink(missing_ok=True)


def _require_same_training(
    directory: Path, before: Mapping[str, Any], identity: Mapping[str, Any], split: Mapping[str, Any]
) -> None:
    plain = json.loads(json.dumps(identity))
    found = first_difference(trained_with(before), trained_with(plain))
    if found is not None:
        raise InputError(
            f"{directory} holds a run {_describe(found, directory / SPLIT_NAME, split)}. "
            "Give another work directory, or remove that one to run anew",
            field="workdir",
        )


def _describe(found: Difference, path: Path, split: Mapping[str, Any]) -> str:
    if found.field != "data_fingerprint" or not path.exists():
        return f"whose {found.field} was {in_words(found.before)}; now it is {in_words(found.now)}"
    old_split = read_json(path)
    require_fields(path, old_split, SPLIT, may_lack=True)
    before, now = _images(old_split), _images(split)
    if not all(before.values()):  # An older run says only which images of the classes that it has it uses.
        now = _images({part: names for part, names in split.items() if part != "images"})
    change = describe_change(before, now)
    return f"on other images: {change}" if change else "whose images have the same names, but other contents or groups"


def _images(split: Mapping[str, Any]) -> dict[str, str]:
    """Digest of each image by its name; of an older run, the names of the images that it uses."""
    names = (name for part in ("test", "validation", "pool") for name in split.get(part, ()))
    return split.get("images") or dict.fromkeys(names, "")
