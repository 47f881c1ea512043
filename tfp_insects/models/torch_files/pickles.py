"""A restricted unpickler for torch's checkpoints: tensors, dicts, lists and plain values; all else is inert.

A pickle is a program. Python's own Unpickler lets it call what it names and allocate what it asks for. This interpreter
knows the opcodes that `torch.save` writes, imports nothing and calls nothing: tensors and storages come back as descriptions
(`StoredTensor`, `Storage`), and each object of another class as an `Inert` one, which only says what it would have been.
"""

import dataclasses
import enum
import pickle
import pickletools
from typing import Any, BinaryIO

from tfp_insects.models.torch_files.stored_tensors import (
    STORAGE_DTYPES,
    Storage,
    StoredTensor,
    is_size,
    make_tensor,
    require,
)

MAX_NAME_LENGTH = 200


@dataclasses.dataclass(eq=False, slots=True)
class Inert:
    """An object, or a class or function, that was not made.

    Attributes:
        name: Module and name of its class or function, as the file has them.
        state: What its attributes would have been set to, or None.
        items: What a dict's items would have been, as far as their keys are names.
    """

    name: str
    state: Any = None
    items: dict[str | int, Any] = dataclasses.field(default_factory=dict)


class _Function(enum.Enum):
    """What REDUCE makes tensors and dicts of. Members stand for the functions; they are not the functions."""

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
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NEW = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
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
        """Returns the next pickle's value: tensors as `StoredTensor`, ordered dicts as dicts, other objects as `Inert`.

        Raises:
            pickle.UnpicklingError: the pickle is damaged, or has an opcode that no torch writes.
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
                require(2 <= argument <= 5, f"its pickle protocol is {argument}, but torch writes 2 to 5")
            case "FRAME":
                pass
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self._stack.append(_CONSTANTS[opcode])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                self._stack.append(_NEW[opcode]())
            case "MARK":
                self._outer_stacks.append(self._stack)
                self._stack = []
            case "MEMOIZE":
                self._memo[len(self._memo)] = self._stack[-1]
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._stack[-1]
            case "BINGET" | "LONG_BINGET":
                self._stack.append(self._memo[argument])
            case "GLOBAL":
                self._stack.append(_global(argument))
            case _ if opcode in _VALUES:
                self._stack.append(argument)
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
            case "APPENDS" | "ADDITEMS":
                self._append(self._pop_to_mark())
            case "SETITEM":
                self._set_items(self._pop(2))
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "POP":
                self._pop(1)
            case "POP_MARK":
                self._pop_to_mark()
            case "BINPERSID":
                self._stack.append(self._storage(self._stack.pop()))
            case "STACK_GLOBAL":
                self._stack.append(_global(_joined(self._pop(2))))
            case "REDUCE" | "NEWOBJ":
                self._stack.append(_apply(*self._pop(2)))
            case "NEWOBJ_EX":
                self._stack.append(_apply(*self._pop(3)[:2]))
            case "EMPTY_SET":
                self._stack.append(Inert("builtins set"))
            case "FROZENSET":
                self._pop_to_mark()
                self._stack.append(Inert("builtins frozenset"))
            case "BUILD":
                # Of dicts too: a state_dict carries its modules' versions as an attribute, which nothing here needs.
                target, state = self._stack[-2], self._stack.pop()
                if isinstance(target, Inert):
                    target.state = state
            case _:
                raise pickle.UnpicklingError(f"its pickle has the opcode {opcode}, refused")

    def _pop(self, count: int) -> list[Any]:
        require(len(self._stack) >= count, "its pickle is damaged (empty stack)")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._outer_stacks.pop()
        return items

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        require(isinstance(target, list | Inert), "its pickle is damaged (appends to what is no list)")
        if isinstance(target, list):
            target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target, keys = self._stack[-1], items[::2]
        require(isinstance(target, dict | Inert) and len(items) % 2 == 0, "its pickle is damaged (odd dict)")
        mapping = target.items if isinstance(target, Inert) else target
        # Tensors have names. A deeply nested tuple as a key would overflow the C stack when it is hashed.
        mapping.update((key, item) for key, item in zip(keys, items[1::2], strict=True) if type(key) in (str, int))

    def _storage(self, persistent_id: Any) -> Storage | Inert:
        """Reads `('storage', type, key, location, numel[, None])`: five entries in a zip file, six in a legacy file."""
        entries = persistent_id if isinstance(persistent_id, tuple) else ()
        if len(entries) == 4 and entries[0] == "module" and isinstance(entries[1], Inert):
            return entries[1]  # A legacy file keeps the source text of a whole model's classes behind their names.
        require(len(entries) in (5, 6) and entries[0] == "storage", "its pickle has a persistent id of no storage")
        _, storage_type, key, _, numel, *view = entries
        if isinstance(storage_type, Inert):  # of a type that NumPy does not have, such as complex or quantised numbers
            return storage_type
        require(isinstance(storage_type, _StorageType) and type(key) is str, "its pickle has a damaged storage")
        require(is_size(numel), "its pickle has a storage of impossible size")
        require(view in ([], [None]), "it has storage views, as torch before 0.4 wrote them; load and save it anew")
        storage = Storage(storage_type.name, key, numel)
        known = self.storages.setdefault(key, storage)
        require(known == storage, f"its storage {key[:100]!r} is declared twice, differently")
        return storage


def _joined(names: list[Any]) -> str:
    """Module and name. What is no text is refused: that of nested lists may be longer than any memory."""
    require(all(type(name) is str for name in names), "its pickle is damaged (the name of a class is no text)")
    return " ".join(names)


def _global(name: str) -> Any:
    """What stands for the class or function `module name`."""
    return _GLOBALS.get(name) or Inert(name[:MAX_NAME_LENGTH])


def _apply(function: Any, arguments: Any) -> Any:
    """Stands for a call: of an ordered dict, a tensor, a parameter (which is its tensor), or of what is not called."""
    require(isinstance(arguments, tuple), "its pickle is damaged (arguments are no tuple)")
    if function is _Function.ORDERED_DICT:
        return _dict_of(arguments)
    if function is _Function.REBUILD_PARAMETER:
        return arguments[0] if arguments and isinstance(arguments[0], StoredTensor) else Inert(function.value)
    if function is _Function.REBUILD_TENSOR:
        is_known = bool(arguments) and isinstance(arguments[0], Storage)
        return make_tensor(arguments) if is_known else Inert(function.value)
    require(isinstance(function, Inert), f"its pickle calls an object ({type(function).__name__}), refused")
    return Inert(function.name)


def _dict_of(arguments: tuple[Any, ...]) -> dict[str | int, Any]:
    """An ordered dict, empty or (as Python 2 wrote it) of a list of pairs."""
    pairs = arguments[0] if arguments and isinstance(arguments[0], list) else []
    return {pair[0]: pair[1] for pair in pairs if isinstance(pair, list | tuple) and _is_item(pair)}


def _is_item(pair: Any) -> bool:
    return len(pair) == 2 and type(pair[0]) in (str, int)
