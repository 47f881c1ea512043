import concurrent.futures
import random
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError

REAL_ZIP = Path(__file__).parents[4] / "shared" / "data" / "insects10.zip"


def pack(path: Path, *members: str | zipfile.ZipInfo, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Packs members whose content is their own name; a name that ends with a slash is a folder."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member in members:
            name = member if isinstance(member, str) else member.filename
            archive.writestr(member, b"" if name.endswith("/") else name.encode())
    return path


def read_all(source: ImageSource) -> list[bytes]:
    return [source.read(index) for index in range(len(source.example_ids))]


def entry(name: str, **attributes: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def test_members_are_read_in_memory(tmp_path):
    path = pack(tmp_path / "crops.zip", "wasp/b.jpg", "wasp/a.PNG", "ant/z.JPEG", "ant/", "./ant/y.jpg")
    before = sorted(tmp_path.iterdir())
    source = archive_source(path)
    assert source.name == "crops.zip"
    assert source.class_names == ("ant", "wasp")
    assert source.example_ids == ("ant/y.jpg", "ant/z.JPEG", "wasp/a.PNG", "wasp/b.jpg")
    assert read_all(source) == [b"./ant/y.jpg", b"ant/z.JPEG", b"wasp/a.PNG", b"wasp/b.jpg"]
    assert sorted(tmp_path.iterdir()) == before


def test_top_folder_and_what_other_systems_leave_behind(tmp_path):
    members = ["top/", "top/ant/", "top/ant/a.jpg", "top/bee/b.jpg", "__MACOSX/top/ant/._a.jpg", "top/.DS_Store"]
    source = archive_source(pack(tmp_path / "a.zip", *members, "top/ant/Thumbs.db"))
    assert source.example_ids == ("ant/a.jpg", "bee/b.jpg")
    assert read_all(source) == [b"top/ant/a.jpg", b"top/bee/b.jpg"]


@pytest.mark.parametrize(
    ("member", "objection"),
    [
        ("../evil", r"'\.\./evil' leads outside the zip \('\.\.'\)"),
        ("ant/../../evil.jpg", "leads outside the zip"),
        ("/etc/evil.jpg", "'/etc/evil.jpg' has an absolute path"),
        ("C:/evil.jpg", "has an absolute path"),
        ("..\\evil.jpg", "leads outside the zip"),
        ("ant\\..\\..\\evil.jpg", "leads outside the zip"),
        ("\\\\server\\share\\evil.jpg", "has an absolute path"),
        ("C:\\evil.jpg", "has an absolute path"),
        (
            entry("ant/link.jpg", external_attr=(stat.S_IFLNK | 0o777) << 16),
            "'ant/link.jpg' is a link .*unpack it",
        ),
        ("ant/" * 65 + "a.jpg", "is in more than 64 folders in each other"),
        (entry("README", external_attr=(stat.S_IFLNK | 0o777) << 16), "'README' is a link or a device"),
    ],
)
def test_an_unsafe_member_refuses_the_zip(tmp_path, member, objection):
    path = pack(tmp_path / "evil.zip", "ant/a.jpg", "bee/b.jpg", member)
    with pytest.raises(InputError, match=rf"evil\.zip: member .*{objection}"):
        archive_source(path)


def test_a_method_that_python_does_not_know_refuses_the_zip(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg", "notes.txt")
    for name, is_refused in (("notes.txt", False), ("bee/b.jpg", True)):
        content = bytearray(path.read_bytes())
        for signature, at, name_at in ((b"PK\x03\x04", 8, 30), (b"PK\x01\x02", 10, 46)):
            struct.pack_into("<H", content, header_of(content, name, signature, name_at) + at, 9)  # Deflate64
        path.write_bytes(content)
        if is_refused:
            with pytest.raises(
                InputError, match=r"'bee/b\.jpg' is compressed by method 9\. Pack the zip again with deflate"
            ):
                archive_source(path)
        else:
            assert read_all(archive_source(path)) == [b"ant/a.jpg", b"bee/b.jpg"]


def header_of(content: bytes, name: str, signature: bytes, name_at: int) -> int:
    start = content.index(signature)
    while content[start + name_at :][: len(name)] != name.encode():
        start = content.index(signature, start + 1)
    return start


def test_an_encrypted_member_refuses_the_zip(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # general purpose flags of the first entry
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"'ant/a\.jpg' is encrypted"):
        archive_source(path)


def test_two_members_of_one_name(tmp_path):
    for twin in ("ant//a.jpg", "./ant/a.jpg", "ant\\a.jpg"):
        with pytest.raises(InputError, match=r"two members are called 'ant/a\.jpg'"):
            archive_source(pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg", twin))
    assert (
        len(archive_source(pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg", "notes.txt", "./notes.txt")).labels) == 2
    )


def test_unpacked_size_is_bounded(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg")  # 9 bytes each
    assert len(archive_source(path, max_unpacked_bytes=18).example_ids) == 2
    with pytest.raises(InputError, match=r"unpacks to 18 bytes, more than the 17 that are allowed"):
        archive_source(path, max_unpacked_bytes=17)


def declare(path: Path, name: str, num_bytes: int) -> None:
    """Rewrites the unpacked size of a member in both of its headers."""
    content = bytearray(path.read_bytes())
    for signature, size_at, name_at in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        struct.pack_into("<I", content, header_of(content, name, signature, name_at) + size_at, num_bytes)
    path.write_bytes(content)


def test_a_member_is_not_unpacked_beyond_its_declared_size(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ant/a.jpg", bytes(2**26))
        archive.writestr("bee/b.jpg", b"b")
    declare(path, "ant/a.jpg", 1000)
    source = archive_source(path)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"bomb\.zip: member 'ant/a\.jpg' is damaged"):
        source.read(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert source.read(1) == b"b"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_read_within_bounds(tmp_path, compression):
    path = tmp_path / "bomb.zip"
    images = {"ant/a.jpg": random.Random(0).randbytes(100_000), "bee/b.jpg": b"b"}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in images.items():
            archive.writestr(name, content)
    assert read_all(archive_source(path)) == list(images.values())
    with zipfile.ZipFile(path, "a", compression) as archive:
        archive.writestr("bee/bomb.jpg", bytes(2**26))
    declare(path, "bee/bomb.jpg", 1000)
    source = archive_source(path)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"member 'bee/bomb\.jpg' is damaged"):
        source.read(2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24  # LZMA's dictionary is the half of it


def test_a_member_that_shrinks_as_no_photograph_does(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ant/a.jpg", bytes(2**24))
        archive.writestr("bee/b.jpg", bytes(1000))
    with pytest.raises(InputError, match=r"'ant/a\.jpg' unpacks to over 200 times its size, as a zip bomb does"):
        archive_source(path)


def test_more_entries_than_a_zip_without_extension_can_count(tmp_path):
    names = [f"{name}/{index}.jpg" for name in ("ant", "bee") for index in range(2**15)]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    source = archive_source(tmp_path / "a.zip")
    assert source.example_ids == tuple(sorted(names))
    assert source.read(2**16 - 1) == b"x"


def test_folders_in_each_other_take_no_memory(tmp_path):
    path = pack(tmp_path / "a.zip", "a/" * 32_000 + "a.jpg", "bee/b.jpg")
    tracemalloc.start()
    with pytest.raises(InputError, match="is in more than 64 folders in each other"):
        archive_source(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_members_that_overlap(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg", compression=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    for name in ("ant/a.jpg", "bee/b.jpg"):
        struct.pack_into("<I", content, header_of(content, name, b"PK\x01\x02", 46) + 20, len(content))
    path.write_bytes(content)
    with pytest.raises(InputError, match="its members overlap, as in a zip bomb"):
        archive_source(path)


def test_a_member_too_large_for_an_image(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg")
    declare(path, "ant/a.jpg", 2**28 + 1)
    with pytest.raises(InputError, match=r"'ant/a\.jpg' unpacks to 268,435,457 bytes, too much for an image"):
        archive_source(path)


def test_a_truncated_zip_and_a_file_that_is_none(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"a\.zip: not a zip, or a truncated one"):
        archive_source(path)
    path.write_text("no zip at all")
    with pytest.raises(InputError, match=r"a\.zip: not a zip"):
        archive_source(path)


@pytest.mark.parametrize(
    "start", [b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", bytes(257) + b"ustar\x0000"]
)
def test_an_archive_of_another_kind_says_what_to_do(tmp_path, start):
    path = tmp_path / "insects.zip"
    path.write_bytes(start + bytes(300))
    with pytest.raises(InputError, match=r"an archive of another kind than zip\. Unpack it and name the folder"):
        archive_source(path)


@pytest.mark.parametrize(
    ("name", "start"), [("ant.zip", b"\xff\xd8\xff\xe0"), ("ant", b"\x89PNG\r\n"), ("ant.JPG", b"RIFF")]
)
def test_an_image_alone_says_what_to_do(tmp_path, name, start):
    path = tmp_path / name
    path.write_bytes(start + bytes(300))
    with pytest.raises(InputError, match=r"an image, but a folder or a zip of images is expected\. Name the folder"):
        archive_source(path)


def test_a_damaged_member_is_named(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg", compression=zipfile.ZIP_STORED)
    content = path.read_bytes()
    start = content.index(b"bee/b.jpg") + len("bee/b.jpg")  # the content follows the name in the local header
    path.write_bytes(content[:start] + b"BEE" + content[start + 3 :])
    with pytest.raises(InputError, match=r"a\.zip: member 'bee/b\.jpg' is damaged \(Bad CRC"):
        archive_source(path).read(1)


def test_an_empty_class_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"1 class folder is empty .* the first is 'cricket'"):
        archive_source(pack(tmp_path / "a.zip", "ant/a.jpg", "bee/b.jpg", "cricket/"))


def test_whatever_is_broken_is_an_input_error(tmp_path):
    path = pack(tmp_path / "a.zip", "ant/a.jpg", "ant/b.jpg", "bee/a.jpg", "bee/b.jpg", "bee/c.jpg")
    content, chance = path.read_bytes(), random.Random(0)
    num_refused = 0
    for _ in range(500):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            read_all(archive_source(path))
        except InputError:
            num_refused += 1
    assert num_refused > 100


def test_several_threads_may_read(tmp_path):
    members = [f"{name}/{index}.jpg" for name in ("ant", "bee") for index in range(200)]
    source = archive_source(pack(tmp_path / "a.zip", *members))
    indices = list(range(len(source.example_ids))) * 3
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(source.read, indices))
    assert contents == [source.example_ids[index].encode() for index in indices]


@pytest.mark.skipif(not REAL_ZIP.exists(), reason="../shared/data/insects10.zip is not there")
def test_the_real_images():
    source = archive_source(REAL_ZIP)
    assert len(source.class_names) == 10
    assert len(source.example_ids) == 4998
    assert source.read(0).startswith(b"\xff\xd8\xff")
