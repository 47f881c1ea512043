import os
from pathlib import Path

import pytest

from tfp_insects.plain_path import PlainPath


@pytest.mark.parametrize("name", ["[a]", "a]", "a*", "a?", "a\\b", "lat\udce9"])
def test_other_letters_are_avoided_as_long_as_the_object_lives(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    plain = PlainPath(tmp_path / name)
    assert name not in str(plain)
    (plain.path / "file").write_text("content")
    assert (tmp_path / name / "file").read_text() == "content"
    number = int(plain.path.name)
    assert os.fstat(number).st_ino == (tmp_path / name).stat().st_ino
    del plain
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


@pytest.mark.parametrize("name", ["a", "a b", "蚂蚁 🐝", "a\nb", "%s{}"])
def test_a_path_that_can_be_taken_stays_as_it_is(tmp_path: Path, name: str) -> None:
    assert PlainPath(tmp_path / name).path == tmp_path / name


def test_a_directory_that_is_not_there_is_the_system_s_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PlainPath(tmp_path / "[a]")
