"""The content of a zip's member, never more of it than the member declares."""

import bz2
import lzma
import struct
import zipfile
import zlib
from typing import BinaryIO

MAX_DICTIONARY_BYTES = 2**26  # LZMA's memory; packers take a fraction of it for files of an image's size
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError),
)
_HEADER = struct.Struct("<4s22xHH")  # of a member: signature, lengths of name and of extra fields


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Reads a member of one of the `READABLE` methods.

    Raises:
        ERRORS: The member is damaged, or unpacks to another size than it declares.
    """
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with archive.open(info) as member:
            return member.read(info.file_size + 1)  # read() without a size would unpack a bomb before it is cut
    # zipfile unpacks what it has read of these without a bound: four kilobytes may be gigabytes.
    assert archive.fp is not None
    packed = _packed(archive.fp, info)  # type: ignore[arg-type]
    unpack = _unpack_bzip2 if info.compress_type == zipfile.ZIP_BZIP2 else _unpack_lzma
    content = unpack(packed, info.file_size + 1)
    if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
        raise zipfile.BadZipFile("size or checksum is another than declared")
    return content


def _packed(file: BinaryIO, info: zipfile.ZipInfo) -> bytes:
    file.seek(info.header_offset)
    signature, *lengths = _HEADER.unpack(file.read(_HEADER.size))
    if signature != b"PK\x03\x04":
        raise zipfile.BadZipFile("no header where it should begin")
    file.seek(sum(lengths), 1)
    return file.read(info.compress_size)


def _unpack_bzip2(packed: bytes, max_length: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(packed, max_length)


def _unpack_lzma(packed: bytes, max_length: int) -> bytes:
    """Two bytes of version, the length of the properties, properties, content (APPNOTE 6.3, section 5.8.8)."""
    (length,) = struct.unpack_from("<2xH", packed)
    properties, content = packed[4 : 4 + length], packed[4 + length :]
    # The format of a lone .lzma file has the size behind the properties; all ones say that it is not known.
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=2 * MAX_DICTIONARY_BYTES)
    return decompressor.decompress(properties + b"\xff" * 8 + content, max_length)
