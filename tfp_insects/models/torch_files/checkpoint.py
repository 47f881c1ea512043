"""Reads a state_dict from the files that `torch.save` writes, without torch and without trusting them.

Two formats exist. Since torch 1.6 a checkpoint is a zip archive of uncompressed members: `NAME/data.pkl` (the pickle),
`NAME/data/KEY` (each storage's bytes) and `NAME/byteorder`. Before, and with `_use_new_zipfile_serialization=False`, it
is five pickles (magic number, protocol version, system, value, storage keys), then each storage: its number of elements
as int64 and its bytes.
"""

import functools
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.models.torch_files.pickles import TensorUnpickler
from tfp_insects.models.torch_files.state_dicts import find_state_dict
from tfp_insects.models.torch_files.stored_tensors import Storage, StoredTensor

# A tensor takes about 100 bytes of pickle: enough for many thousands beside an optimiser's and the lists of a long training,
# little enough for a hostile file to take seconds and megabytes.
MAX_PICKLE_BYTES = 2**22
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
# What zipfile and the pickle reader raise for damaged files.
_DAMAGE = (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, struct.error, OSError)


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a checkpoint's tensors.

    What training scripts save around the tensors is left out (`state_dicts`), and never made or run.

    Args:
        path: a file of `torch.save`, in either format, that holds a state_dict, a training's checkpoint or a whole model.

    Returns:
        name -> array, in the file's order, of the file's shape and dtype (bfloat16 becomes float32, which holds it
        exactly). Arrays are read-only views where possible.

    Raises:
        InputError: no such file, no torch checkpoint, damaged, or without a model's tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected a checkpoint of torch.save (.pth or .pt)")
    try:
        with path.open("rb") as file:
            return _read(file)
    except _DAMAGE as error:
        raise InputError(
            f"{path}: cannot be read as a torch checkpoint: {error}. Expected a file that "
            "torch.save(model.state_dict(), ...) wrote, whole"
        ) from error


def check_stored(archive: zipfile.ZipFile, num_bytes: int) -> None:
    """Checks that a zip archive unpacks to no more than its own size: no member compressed, encrypted or overlapping.

    Args:
        archive: an open archive.
        num_bytes: size of its file.

    Raises:
        zipfile.BadZipFile: it could unpack to more, or cannot be read.
    """
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1 for member in members):
        raise zipfile.BadZipFile("its zip members are compressed or encrypted, expected plain ones")
    if sum(member.file_size for member in members) > num_bytes:
        raise zipfile.BadZipFile("its zip members are larger than the file")


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    start = file.read(15)
    file.seek(0)
    if start.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as archive:
            _refuse_programs(archive)
            check_stored(archive, _num_bytes(file))
            return _read_zip(archive)
    if start == pickle.dumps(LEGACY_MAGIC, protocol=2):
        return _read_legacy(file)
    raise pickle.UnpicklingError(f"it starts with {start!r}, as no torch checkpoint does")


def _refuse_programs(archive: zipfile.ZipFile) -> None:
    if any("/code/" in name for name in archive.namelist()):
        raise ValueError("it is a TorchScript program; load it with torch.jit.load and save its state_dict()")


def _num_bytes(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _read_zip(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise zipfile.BadZipFile("it is a zip archive without one data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
    if order != b"little":
        raise ValueError(f"its byte order is {order[:20]!r}, expected b'little'; load and save it anew with torch")
    if archive.getinfo(pickles[0]).file_size > MAX_PICKLE_BYTES:
        raise pickle.UnpicklingError(f"its data.pkl is larger than {MAX_PICKLE_BYTES:,} bytes")
    unpickler = TensorUnpickler(io.BytesIO(archive.read(pickles[0])))
    return _arrays(unpickler.load(), functools.partial(_read_member, archive, folder))


def _read_member(archive: zipfile.ZipFile, folder: str, storage: Storage) -> bytes:
    name = f"{folder}data/{storage.key}"
    try:
        num_bytes = archive.getinfo(name).file_size
    except KeyError:
        raise zipfile.BadZipFile(f"it has no member {name[:100]!r}") from None
    if num_bytes != storage.num_bytes:
        raise zipfile.BadZipFile(f"{name[:100]!r} has {num_bytes} bytes, expected {storage.num_bytes}")
    return archive.read(name)


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    pickles = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    unpickler = TensorUnpickler(pickles)
    _, protocol, system, value, keys = (unpickler.load() for _ in range(5))
    if protocol != LEGACY_PROTOCOL or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("expected protocol 1001 and little-endian numbers; load and save it anew with torch")
    if not isinstance(keys, list) or not all(type(key) is str for key in keys):
        raise pickle.UnpicklingError("its list of storages is damaged")
    if len(keys) != len(set(keys)) or set(keys) != set(unpickler.storages):
        raise pickle.UnpicklingError("its list of storages is not that of its tensors")
    places = _locate_blocks(file, pickles.tell(), [unpickler.storages[key] for key in keys])

    def read(storage: Storage) -> bytes:
        file.seek(places[storage.key])
        return file.read(storage.num_bytes)

    return _arrays(value, read)


def _locate_blocks(file: BinaryIO, start: int, storages: Sequence[Storage]) -> dict[str, int]:
    """Where each storage's bytes begin; an optimiser's are not read."""
    places: dict[str, int] = {}
    for storage in storages:
        file.seek(start)
        numel = int.from_bytes(file.read(8), "little", signed=True)
        if numel != storage.numel:
            raise ValueError(f"storage {storage.key[:100]!r} has {numel} elements, expected {storage.numel}")
        left = _num_bytes(file) - file.tell()
        if left < storage.num_bytes:
            raise EOFError(
                f"storage {storage.key[:100]!r} has {left} bytes left, expected {storage.num_bytes}: truncated"
            )
        places[storage.key] = file.tell()
        start = file.tell() + storage.num_bytes
    return places


def _arrays(value: Any, read_storage: Callable[[Storage], bytes]) -> dict[str, np.ndarray]:
    """Turns the tensors of an unpickled value into arrays; each storage is read once."""
    flat_storage = functools.cache(lambda storage: _flat_array(storage, read_storage(storage)))
    return {name: _view(tensor, flat_storage(tensor.storage)) for name, tensor in find_state_dict(value).items()}


def _flat_array(storage: Storage, content: bytes) -> np.ndarray:
    array = np.frombuffer(content, storage.dtype) if content else np.zeros(0, storage.dtype)
    if storage.type_name == "BFloat16Storage":
        # bfloat16 is the upper half of a float32.
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _view(tensor: StoredTensor, flat: np.ndarray) -> np.ndarray:
    """Returns the tensor as a strided view of its storage, whose bounds the unpickler has checked."""
    if 0 in tensor.size:
        return np.zeros(tensor.size, flat.dtype)
    # The step along an axis of length 1 is never taken, and may be any number.
    steps = [step if length > 1 else 0 for length, step in zip(tensor.size, tensor.stride, strict=True)]
    strides = [step * flat.itemsize for step in steps]
    return np.ndarray(tensor.size, flat.dtype, flat, tensor.offset * flat.itemsize, strides)
