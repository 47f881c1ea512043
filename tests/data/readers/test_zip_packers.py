"""Zips as packers make them: Finder, Explorer, 7-Zip, Info-ZIP, Dropbox, .NET, Python."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tfp_insects.data.readers.archives import archive_source
from tfp_insects.serving.image_files import open_image_files

UTF8 = 0x800
UNIX, MS_DOS, MACOS = 3, 0, 19


def member(
    name: bytes, content: bytes = b"", *, flags: int = 0, system: int = MS_DOS, **fields: object
) -> zipfile.ZipInfo:
    """An entry with a name of these very bytes, and its content."""
    info = _RawInfo(name, flags)
    info.create_system = system
    for field, value in fields.items():
        setattr(info, field, value)
    info.content = content
    return info


class _RawInfo(zipfile.ZipInfo):
    """An entry whose name is written as it is."""

    def __init__(self, name: bytes, flags: int) -> None:
        super().__init__("x")
        self.raw, self.flags, self.content = name, flags, b""
        self.filename = self.orig_filename = name.decode("utf-8" if flags & UTF8 else "cp437")
        self.compress_type = zipfile.ZIP_DEFLATED

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802, the name is zipfile's
        return self.raw, (self.flag_bits & ~UTF8) | self.flags


def pack(path: Path, members: Iterable[zipfile.ZipInfo]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for info in members:
            archive.writestr(info, info.content)
    return path


def images(
    names: Iterable[str], encoding: str = "utf-8", top: str = "insects/", sep: str = "/", **fields: object
) -> Iterator:
    for name in names:
        for i in range(2):
            yield member(f"{top}{name}{sep}{i}.jpg".replace("/", sep).encode(encoding), f"{name}{i}".encode(), **fields)


ACCENTS = ("abeillé", "guêpe")
PACKERS = {
    "Explorer: folders in the chosen one, none for itself": (
        ("ant", "bee"),
        [member(b"insects/ant/"), member(b"insects/bee/"), *images(("ant", "bee"))],
    ),
    "Info-ZIP -D: no folders at all": (("ant", "bee"), [*images(("ant", "bee"), system=UNIX)]),
    "Info-ZIP -r: each folder": (
        ("ant", "bee"),
        [
            *(member(name, system=UNIX) for name in (b"insects/", b"insects/ant/", b"insects/bee/")),
            *images(("ant", "bee")),
        ],
    ),
    "Finder: UTF-8 without its flag, and what macOS adds": (
        ACCENTS,
        [
            member(b"insects/"),
            *images(ACCENTS, system=MACOS),
            *images(ACCENTS, top="__MACOSX/insects/._"),
            *(member(name) for name in (b"insects/.DS_Store", b"__MACOSX/", b"__MACOSX/insects/")),
        ],
    ),
    "Python: UTF-8 with its flag": (ACCENTS, [*images(ACCENTS, flags=UTF8)]),
    "Dropbox: the same, and an entry for the folder that it packs": (
        ACCENTS,
        [member(b"/"), *images(ACCENTS, flags=UTF8)],
    ),
    "Explorer in Europe: the old code page": (ACCENTS, [*images(ACCENTS, "cp437")]),
    "7-Zip: folders told by their attribute alone": (
        ("ant", "bee"),
        [
            *(member(name, external_attr=0x10) for name in (b"insects", b"insects/ant", b"insects/bee")),
            *images(("ant", "bee")),
        ],
    ),
    ".NET and old Windows programs: backslashes": (
        ("ant", "bee"),
        [member(b"insects\\"), member(b"insects\\ant\\"), *images(("ant", "bee"), top="insects\\", sep="\\")],
    ),
    "backslashes in files, slashes in folders": (
        ("ant", "bee"),
        [member(b"insects/"), member(b"insects/ant/"), *images(("ant", "bee"), top="insects\\", sep="\\")],
    ),
    "names that begin with ./": (("ant", "bee"), [member(b"./"), *images(("ant", "bee"), top="./insects/")]),
    "no top folder": (("ant", "bee"), [*images(("ant", "bee"), top="")]),
    "what Windows leaves behind": (
        ("ant", "bee"),
        [*images(("ant", "bee")), member(b"insects/ant/Thumbs.db", b"x"), member(b"insects/desktop.ini", b"x")],
    ),
    "not compressed": (("ant", "bee"), [*images(("ant", "bee"), compress_type=zipfile.ZIP_STORED)]),
    "bzip2": (("ant", "bee"), [*images(("ant", "bee"), compress_type=zipfile.ZIP_BZIP2)]),
    "lzma": (("ant", "bee"), [*images(("ant", "bee"), compress_type=zipfile.ZIP_LZMA)]),
}


@pytest.mark.parametrize(("class_names", "members"), PACKERS.values(), ids=PACKERS)
def test_it_is_read_for_training_and_for_prediction(
    tmp_path: Path, class_names: tuple[str, ...], members: list
) -> None:
    path = pack(tmp_path / "insects.zip", members)
    source = archive_source(path)
    assert source.class_names == class_names
    assert source.example_ids == tuple(f"{name}/{i}.jpg" for name in class_names for i in range(2))
    expected = [f"{name}{i}".encode() for name in class_names for i in range(2)]
    assert [source.read(i) for i in range(4)] == expected
    assert source.notes == ()
    files = open_image_files(path)
    assert [files.read(name) for name in files.names()] == expected
    assert [name.removeprefix("insects/") for name in files.names()] == list(source.example_ids)


def unicode_path(stored: bytes, name: str) -> bytes:
    """Info-ZIP's extra field."""
    content = b"\x01" + struct.pack("<I", zlib.crc32(stored)) + name.encode()
    return struct.pack("<HH", 0x7075, len(content)) + content


def test_a_name_in_utf8_beside_the_old_one_counts_if_it_is_of_that_name(tmp_path: Path) -> None:
    stored = [b"mi\x8bd/0.jpg", b"bee/0.jpg"]
    members = [
        member(stored[0], b"0", extra=unicode_path(stored[0], "miód/0.jpg")),
        member(stored[1], b"1", extra=unicode_path(b"another/0.jpg", "wasp/0.jpg")),
    ]
    assert archive_source(pack(tmp_path / "a.zip", members)).class_names == ("bee", "miód")


def test_a_name_in_utf8_beside_the_old_one_is_checked_too(tmp_path: Path) -> None:
    stored = b"bee/1.jpg"
    hidden = member(stored, b"1", extra=unicode_path(stored, "../1.jpg"))
    with pytest.raises(ValueError, match="leads outside the zip"):
        archive_source(pack(tmp_path / "a.zip", [*images(("ant", "bee")), hidden]))


def test_streamed_members_with_their_sizes_behind_them(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation("seek")

        def tell(self) -> int:
            raise io.UnsupportedOperation("tell")

    stream = Pipe()
    content = random.Random(0).randbytes(100_000)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ant/1.jpg", "bee/1.jpg"):
            with archive.open(name, "w") as target:
                target.write(content)
    (tmp_path / "a.zip").write_bytes(stream.getvalue())
    assert zipfile.ZipFile(tmp_path / "a.zip").infolist()[0].flag_bits & 8
    assert archive_source(tmp_path / "a.zip").read(1) == content


def test_zip64(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("ant/1.jpg", "bee/1.jpg"):
            with archive.open(name, "w", force_zip64=True) as target:
                target.write(name.encode())
    assert archive_source(tmp_path / "a.zip").read(1) == b"bee/1.jpg"


def test_many_members(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(5_000):
            archive.writestr(zipfile.ZipInfo(f"{'ant' if i % 2 else 'bee'}/{i}.jpg"), b"")
    source = archive_source(tmp_path / "a.zip")
    assert len(source.example_ids) == 5_000
    assert source.class_names == ("ant", "bee")
