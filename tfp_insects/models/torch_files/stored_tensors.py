"""Tensors and storages as a checkpoint describes them, checked before anything is read or allocated."""

import dataclasses
import math
import pickle
from typing import Any

import numpy as np

# Element type of each storage class. NumPy has no bfloat16: its bits are read as integers and widened later.
STORAGE_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype("<u2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
MAX_DIMENSIONS = 64  # NumPy's limit, and torch's
MAX_INTEGER = 2**63 - 1  # sizes, strides and offsets are int64 in torch


@dataclasses.dataclass(frozen=True)
class Storage:
    """A flat run of `numel` elements that the checkpoint keeps under `key`, apart from its pickle."""

    type_name: str
    key: str
    numel: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type; uint16 stands for bfloat16."""
        return STORAGE_DTYPES[self.type_name]

    @property
    def num_bytes(self) -> int:
        """Size of the whole storage in bytes."""
        return self.numel * self.dtype.itemsize


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """A view of a storage. `offset` and `stride` count elements; every element lies inside the storage."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def require(condition: bool, message: str) -> None:
    """Raises `pickle.UnpicklingError` where the condition does not hold."""
    if not condition:
        raise pickle.UnpicklingError(message)


def make_tensor(arguments: tuple[Any, ...]) -> StoredTensor:
    """Checks `(storage, offset, size, stride, requires_grad, hooks[, metadata])` and returns the tensor."""
    require(len(arguments) in (6, 7), "its pickle has a damaged tensor")
    storage, offset, size, stride = arguments[:4]  # hooks behind them are not called
    require(
        is_size(offset) and _is_sizes(size) and _is_sizes(stride) and len(size) == len(stride),
        "its pickle has a tensor with an impossible offset, size or stride",
    )
    if 0 not in size:
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        # A stride of 0 would let a few bytes stand for a tensor of any size.
        inside = last < storage.numel and math.prod(size) <= storage.numel
        require(inside, f"its pickle has a tensor of shape {size} that reaches outside its storage")
    return StoredTensor(storage, offset, size, stride)


def is_size(value: Any) -> bool:
    """Whether a value is a size, stride or offset that torch could have."""
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _is_sizes(value: Any) -> bool:
    return type(value) is tuple and len(value) <= MAX_DIMENSIONS and all(map(is_size, value))
