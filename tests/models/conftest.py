"""Torch's checkpoints written without torch, good ones and bad; and the fused operation against its autodiff."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.models import mean_field

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


class Global(NamedTuple):
    """Pickled as the bare name of a global, which need not exist."""

    module: str
    name: str


class Call(NamedTuple):
    """Pickled as the call of `function` (REDUCE)."""

    function: Any
    arguments: tuple[Any, ...]


class Persistent(NamedTuple):
    """Pickled as a persistent id."""

    identity: Any


class Raw(bytes):
    """Pickled as these opcodes."""


class _Pickler(pickle._Pickler):
    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        match obj:
            case Global():
                self.write(f"c{obj.module}\n{obj.name}\n".encode())
            case Call():
                self.save(obj.function)
                self.save(obj.arguments)
                self.write(pickle.REDUCE)
            case Persistent():
                self.save(obj.identity)
                self.write(pickle.BINPERSID)
            case Raw():
                self.write(bytes(obj))
            case _:
                super().save(obj, save_persistent_id)


class Checkpoints:
    """A tiny torch.save. Storages are given as key -> flat array, values may hold what `tensor` returns."""

    Global, Call, Persistent, Raw = Global, Call, Persistent, Raw
    formats = ("zip", "legacy")

    @staticmethod
    def pickle(value: Any) -> bytes:
        stream = io.BytesIO()
        _Pickler(stream, protocol=2).dump(value)
        return stream.getvalue()

    @staticmethod
    def storage(key: str, numel: int, storage_type: str = "FloatStorage", *, legacy: bool = False) -> Persistent:
        identity = ("storage", Global("torch", storage_type), key, "cpu", numel)
        return Persistent((*identity, None) if legacy else identity)

    @staticmethod
    def tensor(storage: Any, size: Any, stride: Any, offset: Any = 0, hooks: Any = None) -> Call:
        hooks = Call(Global("collections", "OrderedDict"), ()) if hooks is None else hooks
        return Call(Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, size, stride, False, hooks))

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


@pytest.fixture(params=[True, False], ids=["learned scale", "fixed scale"])
def require_autodiff(request: pytest.FixtureRequest) -> Callable:
    """Returns a function that compares the fused operation and its gradients with a plain formula and its autodiff."""
    learn_scale = request.param

    def require(state: mean_field.KernelState, plain: Callable) -> None:
        shape, rng = state.loc.shape, np.random.default_rng(1)
        noise, upstream_mean, upstream_perturbation = (
            tf.constant(rng.normal(size=shape), tf.float32) for _ in range(3)
        )

        def objective(mean: tf.Tensor, perturbation: tf.Tensor, divergence: tf.Tensor) -> tf.Tensor:
            # The factor of 2 stands for a loss scale: what comes from above must reach the divergence's gradient too.
            sums = tf.reduce_sum(mean * upstream_mean) + tf.reduce_sum(perturbation * upstream_perturbation)
            return sums + 2 * divergence

        with tf.GradientTape(persistent=True) as tape:
            tape.watch([state.loc, state.log_ratio])
            fused = mean_field.kernel_and_perturbation(state, noise, tf.float32, tf.constant(0.3), learn_scale)
            expected = plain(state, noise, 0.3)
            objectives = objective(*fused), objective(*expected)
        for one, other in zip(fused, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
        found, wanted = (tape.gradient(one, [state.loc, state.log_ratio]) for one in objectives)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5, atol=1e-5)
        scale_gradient = wanted[1] if learn_scale else np.zeros_like(wanted[1])
        np.testing.assert_allclose(found[1], scale_gradient, rtol=1e-5, atol=1e-5)

    return require
