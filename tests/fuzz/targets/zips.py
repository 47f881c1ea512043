"""Zips, as they are read for training and for prediction: whole files, and files built of members with odd entries."""

import contextlib
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

INSTRUMENTED = ["tfp_insects.data.readers", "tfp_insects.serving.image_files", "tfp_insects.own_output"]
NAMES = (
    b"ant/1.jpg",
    b"bee/2.png",
    b"top/ant/",
    b"../x.jpg",
    b"C:\\x.jpg",
    b"train/ant/1.jpg",
    b"__MACOSX/._1.jpg",
    b"a",
)
METHODS = (0, 8, 12, 14, 9)  # stored, deflate, bzip2, LZMA, Deflate64


def prepare(directory: Path) -> tuple[Callable[[bytes], None], list[bytes]]:
    import atheris

    from tfp_insects.data.readers.archives import archive_source
    from tfp_insects.errors import InputError
    from tfp_insects.serving.image_files import open_image_files

    path = directory / "input.zip"

    def run(data: bytes) -> None:
        is_built = data[:1] == b"\x01"
        path.write_bytes(_built(atheris.FuzzedDataProvider(data[1:])) if is_built else data[1:])
        with contextlib.suppress(InputError):
            source = archive_source(path)
            _read_all(range(len(source.example_ids)), source.read, InputError)
            _require_text(source.example_ids, source.class_names)
        with contextlib.suppress(InputError):
            archive_source(path, needs_classes=False)
        with contextlib.suppress(InputError):
            files = open_image_files(path)
            names = list(files.names())
            assert len(names) == files.count
            _read_all(names, files.read, InputError)

    whole = [zip_of([(name, b"content") for name in NAMES[:3]], method) for method in METHODS[:2]]
    return run, [*(b"\x00" + content for content in whole), b"\x01" + bytes(range(256))]


def _read_all(names: Sequence[Any], read: Callable[[Any], bytes], own_error: type[Exception]) -> None:
    for name in names[:20]:
        with contextlib.suppress(own_error):
            read(name)


def _require_text(*lists: Sequence[str]) -> None:
    for names in lists:
        assert len(set(names)) == len(names)
        assert all(name.isprintable() or name.encode() for name in names)
        assert not any(".." in name.split("/") or name.startswith("/") for name in names)


def _built(choice: Any) -> bytes:
    members = []
    for _ in range(choice.ConsumeIntInRange(0, 6)):
        name = choice.PickValueInList(list(NAMES)) + choice.ConsumeBytes(choice.ConsumeIntInRange(0, 12))
        members.append((name, choice.ConsumeBytes(choice.ConsumeIntInRange(0, 40))))
    return zip_of(
        members,
        choice.PickValueInList(list(METHODS)),
        flags=choice.PickValueInList([0, 0x800, 1, 8, 0x20]),
        attributes=choice.ConsumeUInt(4),
        extra=choice.ConsumeBytes(choice.ConsumeIntInRange(0, 30)),
        size=choice.PickValueInList([None, 0, 1, 2**31, 2**32 - 1]),
    )


def zip_of(
    members: Sequence[tuple[bytes, bytes]],
    method: int = 0,
    *,
    flags: int = 0,
    attributes: int = 0,
    extra: bytes = b"",
    size: int | None = None,
) -> bytes:
    """A zip with these very entries; `size` is what each declares to unpack to, where it is not the truth."""
    body, entries = b"", b""
    for name, content in members:
        packed = _deflated(content) if method == 8 else content
        sizes = (zlib.crc32(content), len(packed), len(content) if size is None else size, len(name), len(extra))
        common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0, *sizes)
        central = struct.pack("<HHHII", 0, 0, 0, attributes, len(body))
        entries += b"PK\x01\x02\x14\x03" + common + central + name + extra
        body += b"PK\x03\x04" + common + name + extra + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(entries), len(body), 0)
    return body + entries + b"PK\x05\x06" + end


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()
