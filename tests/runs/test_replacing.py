import os
import shutil
from pathlib import Path

import pytest

from tfp_insects.errors import InputError
from tfp_insects.runs.lock import locked
from tfp_insects.runs.replacing import finish_replacing, replaced_together, settle

OLD = {"predictions.npz": "old", "record.json": "old", "history.csv": "kept"}
NEW = {"predictions.npz": "new", "record.json": "new", "ood_predictions.npz": "new"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in OLD.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir() if path.name != ".lock"}


def write_new(directory: Path) -> None:
    for name, text in NEW.items():
        (directory / name).write_text(text)


def test_new_files_take_the_place_of_old_ones_and_others_stay(directory: Path) -> None:
    with replaced_together(directory) as new:
        write_new(new)
        assert contents(new) == NEW
        assert {name: (directory / name).read_text() for name in OLD} == OLD
    assert contents(directory) == OLD | NEW


def test_an_error_leaves_the_old_ones(directory: Path) -> None:
    def fail() -> None:
        with replaced_together(directory) as new:
            write_new(new)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert contents(directory) == OLD


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("num_moves", range(5))
def test_whoever_comes_next_finishes_what_was_decided(
    num_moves: int, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends before each of its steps once the new files are complete: three moves, and what is left."""
    real, moves = os.replace, []

    def replace(*paths: Path) -> None:
        if len(moves) == num_moves:
            raise KilledError
        moves.append(paths)
        real(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        if num_moves == len(NEW):
            patch.setattr(Path, "rmdir", replace)
        try:
            with replaced_together(directory) as new:
                write_new(new)
        except KilledError:
            # Where the record is new, all is.
            assert (directory / "record.json").read_text() == ("new" if num_moves == len(NEW) else "old")
    if num_moves < 4:
        with locked(directory), pytest.raises(InputError, match="is in use by another command"):
            settle(directory)
    settle(directory)
    assert contents(directory) == OLD | NEW
    finish_replacing(directory)
    assert contents(directory) == OLD | NEW


def test_a_directory_that_is_gone_is_named(directory: Path) -> None:
    def lose() -> None:
        with replaced_together(directory) as new:
            write_new(new)
            shutil.rmtree(directory)

    with pytest.raises(InputError, match=r"was not written \(No such file or directory.*\): mend that"):
        lose()
    assert not directory.exists()
