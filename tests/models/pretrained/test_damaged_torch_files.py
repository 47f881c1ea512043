"""Files that are refused as a whole: other formats, zip bombs, truncated and damaged checkpoints."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.torch_files.checkpoint import MAX_PICKLE_BYTES, read_state_dict


def test_refuses_big_endian_files(checkpoints: Any, tmp_path: Path) -> None:
    pickled = checkpoints.pickle({})
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": pickled, "byteorder": b"big"})
    with pytest.raises(InputError, match=r"byte order is b'big', expected b'little'"):
        read_state_dict(path)
    heads = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": False}, {}, []]
    path.write_bytes(b"".join(map(checkpoints.pickle, heads)))
    with pytest.raises(InputError, match="little-endian"):
        read_state_dict(path)


def test_refuses_zip_bombs(checkpoints: Any, tmp_path: Path) -> None:
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed or encrypted"):
        read_state_dict(path)
    checkpoints.write_zip(path, {"data.pkl": bytes(MAX_PICKLE_BYTES + 1)})
    with pytest.raises(InputError, match=r"data\.pkl is larger than 4,194,304 bytes"):
        read_state_dict(path)


def test_refuses_overlapping_zip_members(checkpoints: Any, tmp_path: Path) -> None:
    """Every entry of the directory points at one member: each is honest, their sum is not."""
    path = checkpoints.write_zip(tmp_path / "m.pth", {f"data/{key:03}": bytes(1000) for key in range(100)})
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    first = content[: content.index(b"PK\x03\x04", 4)]
    end = content[content.rindex(b"PK\x05\x06") :]
    directory = b"".join(
        entry[:38] + struct.pack("<I", 0) + entry[42:]
        for entry in (b"PK\x01\x02" + part for part in content[start : -len(end)].split(b"PK\x01\x02")[1:])
    )
    path.write_bytes(first + directory + end[:16] + struct.pack("<I", len(first)) + end[20:])
    with pytest.raises(InputError, match="larger than the file"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        b"\xff\xd8\xff\xe0" + bytes(30),
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19",
        pickle.dumps({"w": 1}),
    ],
)
def test_refuses_files_that_are_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m.pth: cannot be read as a torch checkpoint: .*torch.save"):
        read_state_dict(path)


def test_refuses_other_zip_files(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    stream = io.BytesIO()
    np.savez(stream, w=np.zeros(3))
    path.write_bytes(stream.getvalue())
    with pytest.raises(InputError, match=r"zip archive without one data\.pkl"):
        read_state_dict(path)


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(InputError, match=f"{path}: no such file"):
            read_state_dict(path)
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(InputError, match=r"pipe.pth: no such file"):
        read_state_dict(tmp_path / "pipe.pth")


def test_truncated_anywhere_is_an_error(
    checkpoints: Any, tmp_path: Path, form: str, small_arrays: dict[str, np.ndarray]
) -> None:
    path = checkpoints.write_arrays(tmp_path / "m.pth", form, small_arrays)
    content = path.read_bytes()
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_state_dict(path)


def test_damaged_bytes_give_an_error_or_arrays(
    checkpoints: Any, tmp_path: Path, form: str, small_arrays: dict[str, np.ndarray]
) -> None:
    path = checkpoints.write_arrays(tmp_path / "m.pth", form, small_arrays)
    content = path.read_bytes()
    num_errors = 0
    for damaged in checkpoints.damaged(content, range(len(content))):
        path.write_bytes(damaged)
        try:
            arrays = read_state_dict(path)
        except InputError:
            num_errors += 1
        else:
            assert all(np.isfinite(array.astype(np.float64).sum()) or form == "legacy" for array in arrays.values())
    assert num_errors > len(content) / 4
