"""Torch's checkpoints written without torch, good ones and bad; and a narrow AlexNet."""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tfp_insects.models.alexnet.weights_layout import convert_state_dict
from tfp_insects.models.pretrained_files import save_weights

_STORAGE_TYPES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}
# Narrow, and every width another, so that no two axes can be confused.
_NARROW = {
    "features.0": (2, 3, 11, 11),
    "features.3": (4, 2, 5, 5),
    "features.6": (5, 4, 3, 3),
    "features.8": (6, 5, 3, 3),
    "features.10": (7, 6, 3, 3),
    "classifier.1": (8, 36 * 7),
    "classifier.4": (9, 8),
    "classifier.6": (10, 9),
}


class _Global(NamedTuple):
    """Pickled as the bare name of a global, which need not exist."""

    module: str
    name: str


class _Call(NamedTuple):
    """Pickled as the call of `function` (REDUCE)."""

    function: Any
    arguments: tuple[Any, ...]


class _Persistent(NamedTuple):
    """Pickled as a persistent id."""

    identity: Any


class _Raw(bytes):
    """Pickled as these opcodes."""


class _Pickler(pickle._Pickler):
    write: Callable[[bytes], object]

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        match obj:
            case _Global():
                self.write(f"c{obj.module}\n{obj.name}\n".encode())
            case _Call():
                self.save(obj.function)
                self.save(obj.arguments)
                self.write(pickle.REDUCE)
            case _Persistent():
                self.save(obj.identity)
                self.write(pickle.BINPERSID)
            case _Raw():
                self.write(bytes(obj))
            case _:
                super().save(obj, save_persistent_id)  # type: ignore[misc]  # Its type stub leaves `save` out.


class Checkpoints:
    """A tiny torch.save. Storages are given as key -> flat array, values may hold what `tensor` returns."""

    Global, Call, Persistent, Raw = _Global, _Call, _Persistent, _Raw
    formats = ("zip", "legacy")

    @staticmethod
    def pickle(value: Any, protocol: int = 2) -> bytes:
        stream = io.BytesIO()
        _Pickler(stream, protocol=protocol).dump(value)
        return stream.getvalue()

    @staticmethod
    def storage(key: str, numel: int, storage_type: str = "FloatStorage", *, legacy: bool = False) -> _Persistent:
        identity = ("storage", _Global("torch", storage_type), key, "cpu", numel)
        return _Persistent((*identity, None) if legacy else identity)

    @staticmethod
    def tensor(storage: Any, size: Any, stride: Any, offset: Any = 0, hooks: Any = None) -> _Call:
        hooks = _Call(_Global("collections", "OrderedDict"), ()) if hooks is None else hooks
        return _Call(_Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, size, stride, False, hooks))

    @classmethod
    def write(cls, path: Path, form: str, value: Any, storages: dict[str, np.ndarray]) -> Path:
        """Writes `value` in the format `form`, and the storages behind it."""
        if form == "zip":
            members = {f"data/{key}": flat.tobytes() for key, flat in storages.items()}
            return cls.write_zip(
                path, {"data.pkl": cls.pickle(value), "byteorder": b"little", "version": b"3", **members}
            )
        system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
        heads = [0x1950A86A20F9469CFC6C, 1001, system, value, list(storages)]
        blocks = [flat.size.to_bytes(8, "little") + flat.tobytes() for flat in storages.values()]
        path.write_bytes(b"".join([cls.pickle(head) for head in heads] + blocks))
        return path

    @staticmethod
    def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(f"model/{name}"), content, compression)
        return path

    @staticmethod
    def damaged(content: bytes, positions: Iterable[int]) -> Iterator[bytes]:
        """The content with one byte changed, once for each position."""
        for position in positions:
            changed = bytearray(content)
            changed[position] ^= (0xFF, 0x01, 0x80)[position % 3]
            yield bytes(changed)

    @classmethod
    def write_arrays(cls, path: Path, form: str, arrays: dict[str, np.ndarray]) -> Path:
        """Writes a state_dict of contiguous arrays, one storage each."""
        storages = {str(1000 + index): array.ravel() for index, array in enumerate(arrays.values())}
        value = {
            name: cls.tensor(
                cls.storage(key, array.size, _STORAGE_TYPES[array.dtype.name], legacy=form == "legacy"),
                array.shape,
                tuple(step // array.itemsize for step in np.empty(array.shape, array.dtype).strides),
            )
            for (name, array), key in zip(arrays.items(), storages, strict=True)
        }
        return cls.write(path, form, value, storages)


@pytest.fixture
def checkpoints() -> type[Checkpoints]:
    return Checkpoints


@pytest.fixture(params=Checkpoints.formats)
def form(request: pytest.FixtureRequest) -> str:
    """Runs the test once for each of torch's two file formats."""
    return request.param


@pytest.fixture
def small_arrays() -> dict[str, np.ndarray]:
    return {
        "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a.bias": np.arange(3, dtype=np.float16),
        "steps": np.array(7, np.int64),
    }


def _narrow_state_dict(dtype: str = "float32") -> dict[str, np.ndarray]:
    """Each tensor counts from its own start; all numbers are exact in float16."""
    state_dict = {}
    for index, (layer, shape) in enumerate(_NARROW.items()):
        count = np.arange(np.prod(shape)) % 2039
        state_dict[f"{layer}.weight"] = (count.reshape(shape) + index).astype(dtype)
        state_dict[f"{layer}.bias"] = (np.arange(shape[0]) + index).astype(dtype)
    return state_dict


@pytest.fixture
def narrow_state_dict() -> Callable[..., dict[str, np.ndarray]]:
    """Returns a function from a dtype to a narrow AlexNet's state_dict."""
    return _narrow_state_dict


@pytest.fixture
def npz_file(tmp_path: Path) -> Path:
    """A narrow AlexNet's weights, converted."""
    path = tmp_path / "w.npz"
    save_weights(path, convert_state_dict(_narrow_state_dict()))
    return path
