"""A restricted unpickler for torch's checkpoints: tensors, dicts, lists and plain values, nothing else.

A pickle is a program. Python's own Unpickler lets it call what it names and allocate what it asks for. This interpreter
knows the few opcodes that `torch.save` writes for a state_dict and four functions, and refuses the rest by name. It
calls nothing that the file names: tensors and storages come back as descriptions (`StoredTensor`, `Storage`).
"""

import dataclasses
import enum
import math
import pickle
import pickletools
from typing import Any, BinaryIO

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


class _Function(enum.Enum):
    """What REDUCE may be applied to. Members stand for the functions; they are not the functions."""

    ORDERED_DICT = "collections OrderedDict"
    REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
    REBUILD_PARAMETER = "torch._utils _rebuild_parameter"


@dataclasses.dataclass(frozen=True)
class _StorageType:
    name: str


_GLOBALS: dict[str, _Function | _StorageType] = {
    **{function.value: function for function in _Function},
    **{f"torch {name}": _StorageType(name) for name in STORAGE_DTYPES},
}


class TensorUnpickler:
    """Reads pickles, one after the other, from a stream (whose length bounds the work and the memory).

    Attributes:
        storages: every storage that a tensor of the pickles read so far refers to, by key.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.storages: dict[str, Storage] = {}
        self._clear()

    def load(self) -> Any:
        """Returns the next pickle's value: tensors as `StoredTensor`, ordered dicts as dicts.

        Raises:
            pickle.UnpicklingError: the pickle is damaged, or asks for something that a state_dict does not need.
        """
        self._clear()
        try:
            for opcode, argument, _ in pickletools.genops(self._stream):
                if opcode.name != "STOP":  # always the last one
                    self._execute(opcode.name, argument)
            return self._stack.pop()
        except IndexError:
            raise pickle.UnpicklingError("its pickle is damaged (empty stack)") from None
        except KeyError as error:
            raise pickle.UnpicklingError(f"its pickle is damaged (no memo {error})") from None
        except ValueError as error:
            raise pickle.UnpicklingError(f"its pickle is damaged ({str(error)[:100]})") from error

    def _clear(self) -> None:
        self._stack: list[Any] = []
        self._outer_stacks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def _execute(self, opcode: str, argument: Any) -> None:
        match opcode:
            case "PROTO":
                _require(argument == 2, f"its pickle protocol is {argument}, but torch writes 2")
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self._stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINSTRING":
                self._stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                self._stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[opcode]())
            case "MARK":
                self._outer_stacks.append(self._stack)
                self._stack = []
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._stack[-1]
            case "BINGET" | "LONG_BINGET":
                self._stack.append(self._memo[argument])
            case "GLOBAL":
                _require(argument in _GLOBALS, f"its pickle asks for {argument[:100].replace(' ', '.')!r}, refused")
                self._stack.append(_GLOBALS[argument])
            case _:
                self._combine(opcode)

    def _combine(self, opcode: str) -> None:
        """Runs an opcode that takes its operands from the stack."""
        match opcode:
            case "TUPLE":
                items = self._pop_to_mark()
                self._stack.append(tuple(items))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._pop(int(opcode[-1]))))
            case "APPEND":
                self._append(self._pop(1))
            case "APPENDS":
                self._append(self._pop_to_mark())
            case "SETITEM":
                self._set_items(self._pop(2))
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "BINPERSID":
                self._stack.append(self._storage(self._stack.pop()))
            case "REDUCE":
                self._stack.append(_apply(*self._pop(2)))
            case "BUILD":
                # A state_dict carries its modules' versions as an attribute, which nothing here needs.
                target, state = self._stack[-2], self._stack.pop()
                _require(isinstance(target, dict) and isinstance(state, dict), "its pickle sets attributes, refused")
            case _:
                raise pickle.UnpicklingError(f"its pickle has the opcode {opcode}, refused")

    def _pop(self, count: int) -> list[Any]:
        _require(len(self._stack) >= count, "its pickle is damaged (empty stack)")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._outer_stacks.pop()
        return items

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        _require(isinstance(target, list), "its pickle is damaged (appends to what is no list)")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target, keys = self._stack[-1], items[::2]
        _require(isinstance(target, dict) and len(items) % 2 == 0, "its pickle is damaged (odd dict)")
        # A deeply nested tuple as a key would overflow the C stack when it is hashed.
        _require(all(type(key) in (str, int) for key in keys), "its pickle has a dict key of a strange type, refused")
        target.update(zip(keys, items[1::2], strict=True))

    def _storage(self, persistent_id: Any) -> Storage:
        """Reads `('storage', type, key, location, numel[, None])`: five entries in a zip file, six in a legacy file."""
        entries = persistent_id if isinstance(persistent_id, tuple) else ()
        _require(len(entries) in (5, 6) and entries[0] == "storage", "its pickle has a persistent id of no storage")
        _, storage_type, key, _, numel, *view = entries
        _require(isinstance(storage_type, _StorageType) and type(key) is str, "its pickle has a damaged storage")
        _require(_is_size(numel), "its pickle has a storage of impossible size")
        _require(view in ([], [None]), "it has storage views, as torch before 0.4 wrote them; load and save it anew")
        storage = Storage(storage_type.name, key, numel)
        known = self.storages.setdefault(key, storage)
        _require(known == storage, f"its storage {key[:100]!r} is declared twice, differently")
        return storage


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise pickle.UnpicklingError(message)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _is_sizes(value: Any) -> bool:
    return type(value) is tuple and len(value) <= MAX_DIMENSIONS and all(map(_is_size, value))


def _apply(function: Any, arguments: Any) -> Any:
    """Runs REDUCE: builds an empty ordered dict, a tensor or a parameter (which is its tensor)."""
    _require(isinstance(function, _Function), f"its pickle calls an object ({type(function).__name__}), refused")
    _require(isinstance(arguments, tuple), "its pickle is damaged (arguments are no tuple)")
    if function is _Function.ORDERED_DICT:
        _require(not arguments, "its pickle fills an ordered dict by a call, refused")
        return {}
    if function is _Function.REBUILD_PARAMETER:
        _require(len(arguments) == 3 and isinstance(arguments[0], StoredTensor), "its pickle has a damaged parameter")
        _require(arguments[2] == {}, "its pickle has a parameter with hooks, refused")
        return arguments[0]
    return _tensor(arguments)


def _tensor(arguments: tuple[Any, ...]) -> StoredTensor:
    """Checks `(storage, offset, size, stride, requires_grad, hooks[, metadata])` and returns the tensor."""
    _require(len(arguments) in (6, 7) and isinstance(arguments[0], Storage), "its pickle has a damaged tensor")
    storage, offset, size, stride, _, hooks = arguments[:6]
    _require(hooks == {}, "its pickle has a tensor with hooks, refused")
    _require(
        _is_size(offset) and _is_sizes(size) and _is_sizes(stride) and len(size) == len(stride),
        "its pickle has a tensor with an impossible offset, size or stride",
    )
    if 0 not in size:
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        # A stride of 0 would let a few bytes stand for a tensor of any size.
        inside = last < storage.numel and math.prod(size) <= storage.numel
        _require(inside, f"its pickle has a tensor of shape {size} that reaches outside its storage")
    return StoredTensor(storage, offset, size, stride)
