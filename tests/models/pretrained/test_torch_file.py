"""Checkpoints of torch.save that are read: types, shapes, strides and what wraps the tensors."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.models.torch_files.checkpoint import read_state_dict


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array, strict=True)


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_reads_each_type_and_shape(checkpoints: Any, tmp_path: Path, form: str, dtype: str) -> None:
    arrays = {
        "matrix": np.arange(12).astype(dtype).reshape(3, 4),
        "kernel": np.arange(24).astype(dtype).reshape(1, 2, 3, 4),
        "scalar": np.array(1, dtype),
        "empty": np.zeros((0, 3), dtype),
    }
    assert_same(read_state_dict(checkpoints.write_arrays(tmp_path / "m.pth", form, arrays)), arrays)


def test_follows_strides_and_offset_and_shared_storages(checkpoints: Any, tmp_path: Path, form: str) -> None:
    flat = np.arange(20, dtype=np.float32)
    storage = checkpoints.storage("5", 20, legacy=form == "legacy")
    value = {
        "transposed": checkpoints.tensor(storage, (4, 3), (1, 4), 2),
        "column": checkpoints.tensor(storage, (5,), (4,), 3),
        "one": checkpoints.tensor(storage, (1, 2), (10**9, 1), 18),
    }
    arrays = read_state_dict(checkpoints.write(tmp_path / "m.pth", form, value, {"5": flat}))
    assert_same(
        arrays, {"transposed": flat[2:14].reshape(3, 4).T, "column": flat[3::4], "one": flat[18:].reshape(1, 2)}
    )


def test_widens_bfloat16(checkpoints: Any, tmp_path: Path, form: str) -> None:
    values = np.array([1.0, -2.5, 3e38, np.inf, 2.0**-126], np.float32)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    storage = checkpoints.storage("0", 5, "BFloat16Storage", legacy=form == "legacy")
    value = {"w": checkpoints.tensor(storage, (5,), (1,))}
    array = read_state_dict(checkpoints.write(tmp_path / "m.pth", form, value, {"0": bits}))["w"]
    assert array.dtype == np.float32
    # bfloat16 keeps 8 significant bits.
    np.testing.assert_allclose(array, values, rtol=2.0**-7)
    np.testing.assert_array_equal(array[[0, 1, 3, 4]], values[[0, 1, 3, 4]])


def test_accepts_what_a_module_state_dict_carries(checkpoints: Any, tmp_path: Path, form: str) -> None:
    """An ordered dict with parameters, whose `_metadata` attribute is set by BUILD."""
    ordered_dict = checkpoints.Call(checkpoints.Global("collections", "OrderedDict"), ())
    tensor = checkpoints.tensor(checkpoints.storage("0", 2, legacy=form == "legacy"), (2,), (1,))
    parameter = checkpoints.Call(checkpoints.Global("torch._utils", "_rebuild_parameter"), (tensor, True, ordered_dict))
    body = [ordered_dict, "w", parameter]
    build = checkpoints.pickle({"_metadata": {"": {"version": 1}}})[2:-1]
    opcodes = b"".join(checkpoints.pickle(part)[2:-1] for part in body) + pickle.SETITEM + build + pickle.BUILD
    path = checkpoints.write(tmp_path / "m.pth", form, checkpoints.Raw(opcodes), {"0": np.array([3, 4], np.float32)})
    assert_same(read_state_dict(path), {"w": np.array([3, 4], np.float32)})


def test_unwraps_a_training_checkpoint(checkpoints: Any, tmp_path: Path, form: str) -> None:
    tensor = checkpoints.tensor(checkpoints.storage("0", 2, legacy=form == "legacy"), (2,), (1,))
    value = {"epoch": 3, "rates": [0.1, None, True], "state_dict": {"w": tensor}, 5: (1, 2)}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.array([3, 4], np.float32)})
    assert_same(read_state_dict(path), {"w": np.array([3, 4], np.float32)})


def test_reads_zip_files_without_byte_order(checkpoints: Any, tmp_path: Path) -> None:
    """torch wrote none before 2.0."""
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 2), (2,), (1,))}
    members = {"data.pkl": checkpoints.pickle(value), "data/0": np.array([1, 2], np.float32).tobytes(), "version": b"3"}
    path = checkpoints.write_zip(tmp_path / "m.pth", members)
    assert_same(read_state_dict(path), {"w": np.array([1, 2], np.float32)})


def test_reads_the_real_checkpoint(real_checkpoint: Path) -> None:
    state_dict = read_state_dict(real_checkpoint)
    assert len(state_dict) == 16
    assert state_dict["features.0.weight"].shape == (64, 3, 11, 11)
    assert state_dict["classifier.6.weight"].shape == (190, 4096)
    assert {array.dtype.name for array in state_dict.values()} == {"float16"}
    assert sum(array.size for array in state_dict.values()) == 57_003_840 + 190 * 4097
