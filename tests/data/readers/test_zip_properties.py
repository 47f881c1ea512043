"""Zips whose members have any names: each is what its name says, or the zip is refused as a whole."""

import string
from pathlib import Path

import pytest
from fixtures.properties import properties
from fuzz.targets.zips import zip_of
from hypothesis import given
from hypothesis import strategies as st

from tfp_insects.data.readers.archives import archive_source, open_archive
from tfp_insects.data.readers.names import is_image
from tfp_insects.errors import InputError
from tfp_insects.serving.image_files import open_image_files

UTF8 = 0x800
ODD = (
    "..",
    ".",
    "",
    "ant",
    "bee",
    "train",
    "test",
    "C:",
    "__MACOSX",
    "1.jpg",
    "2.PNG",
    "é.jpg",
    "e\u0301.jpg",
    "\0",
    ".x",
)
part = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=6)
name = st.tuples(st.lists(part, min_size=1, max_size=4), st.sampled_from("//\\")).map(
    lambda both: both[1].join(both[0])
)
names = st.lists(name, max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zip") / "insects.zip"


def written(path: Path, stored: list[str], flags: int) -> Path:
    """Each member's content is its number."""
    path.write_bytes(zip_of([(one.encode(), str(i).encode()) for i, one in enumerate(stored)], flags=flags))
    return path


def is_unsafe(stored: str) -> bool:
    parts = stored.replace("\\", "/").split("/")
    has_drive = stored[1:2] == ":" and stored[0] in string.ascii_letters
    return "\0" in stored or ".." in parts or has_drive or (parts[0] == "" and len(parts) > 1)


def clean(stored: str) -> str:
    return "/".join(part for part in stored.replace("\\", "/").split("/") if part not in ("", "."))


@properties
@given(names, st.sampled_from([0, UTF8]))
def test_each_member_is_read_under_its_name_or_the_zip_is_refused(path: Path, stored: list[str], flags: int) -> None:
    cleaned = list(map(clean, stored))
    images = [i for i, one in enumerate(stored) if is_image(one) and cleaned[i] in cleaned[:i]]
    if any(map(is_unsafe, stored)) or images:  # of which each has the name of a member before it
        with pytest.raises(InputError):
            open_archive(written(path, stored, flags))
        return
    members, read = open_archive(written(path, stored, flags))
    assert set(members) == {clean(one) for one in stored} - {""}
    first = {clean(one): str(i).encode() for i, one in reversed(list(enumerate(stored)))}
    assert all(read(one) == first[one] for one in members)


@properties
@given(names)
def test_no_names_lead_to_another_error_or_out_of_the_zip(path: Path, stored: list[str]) -> None:
    written(path, stored, UTF8)
    before = sorted(path.parent.iterdir())
    for source_of in (archive_source, lambda path: archive_source(path, needs_classes=False)):
        try:
            source = source_of(path)
        except InputError:
            continue
        assert len(set(source.example_ids)) == len(source.example_ids) == len(source.labels)
        assert all(one.encode() and ".." not in one.split("/") and one[0] != "/" for one in source.example_ids)
        assert {int(source.read(i)) for i in range(len(source.labels))} <= set(range(len(stored)))
    try:
        files = open_image_files(path)
        assert len(set(files.names())) == files.count
    except InputError:
        pass
    assert sorted(path.parent.iterdir()) == before


@properties
@given(st.binary(max_size=40), st.sampled_from([0, UTF8]))
def test_names_of_any_bytes(path: Path, stored: bytes, flags: int) -> None:
    path.write_bytes(zip_of([(b"ant/" + stored + b".jpg", b"0"), (b"bee/1.jpg", b"1")], flags=flags))
    try:
        source = archive_source(path)
    except InputError:
        return
    assert source.read(source.example_ids.index("bee/1.jpg")) == b"1"
    assert all(one.encode().decode() == one for one in source.example_ids)
