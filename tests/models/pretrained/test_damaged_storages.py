"""Tensors and storages that are refused: outside their storage, missing, or of another size than declared."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.torch_files.checkpoint import read_state_dict


@pytest.mark.parametrize(
    ("size", "stride", "offset", "message"),
    [
        ((7,), (1,), 0, "outside its storage"),
        ((6,), (1,), 1, "outside its storage"),
        ((2, 3), (4, 1), 0, "outside its storage"),
        ((1000, 1000), (0, 0), 0, "outside its storage"),
        ((5,), (2**62,), 0, "outside its storage"),
        ((), (), 6, "outside its storage"),
        ((3,), (-1,), 2, "impossible"),
        ((-1,), (1,), 0, "impossible"),
        ((2,), (1,), -1, "impossible"),
        ((2,), (1, 1), 0, "impossible"),
        ((2**64,), (0,), 0, "impossible"),
        ((True,), (1,), 0, "impossible"),
        ((1.0,), (1,), 0, "impossible"),
        ([2], (1,), 0, "impossible"),
        ((1,) * 65, (1,) * 65, 0, "impossible"),
        ((2**1000,) * 1000, (1,) * 1000, 0, "impossible"),
        ((0, 2**62, 2**62), (1, 1, 1), 0, "cannot be read"),
    ],
)
def test_refuses_tensors_outside_their_storage(
    checkpoints: Any, tmp_path: Path, form: str, size: Any, stride: Any, offset: int, message: str
) -> None:
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 6, legacy=form == "legacy"), size, stride, offset)}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.zeros(6, np.float32)})
    with pytest.raises(InputError, match=message):
        read_state_dict(path)


def test_refuses_damaged_tensors(checkpoints: Any, tmp_path: Path) -> None:
    storage = checkpoints.storage("0", 2)
    values = {
        "damaged tensor": checkpoints.Call(checkpoints.Global("torch._utils", "_rebuild_tensor_v2"), (storage, 0)),
        "damaged storage": checkpoints.Persistent(("storage", "FloatStorage", "0", "cpu", 2)),
        "impossible size": checkpoints.storage("0", -2),
        "storage views": checkpoints.Persistent((*storage.identity, ("1", 0, 2))),
        "declared twice": [storage, checkpoints.storage("0", 3)],
        "persistent id of no storage": checkpoints.Persistent(("module", "os", None, None, None)),
    }
    for message, value in values.items():
        path = checkpoints.write(tmp_path / "m.pth", "zip", {"w": value}, {"0": np.zeros(2, np.float32)})
        with pytest.raises(InputError, match=message):
            read_state_dict(path)


@pytest.mark.parametrize("numel", [5, 7, 2**60])
def test_refuses_a_storage_of_another_size_than_declared(
    checkpoints: Any, tmp_path: Path, form: str, numel: int
) -> None:
    value = {"w": checkpoints.tensor(checkpoints.storage("0", numel, legacy=form == "legacy"), (5,), (1,))}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.zeros(6, np.float32)})
    with pytest.raises(
        InputError, match=f"has (24 bytes|6 elements), expected {numel * 4 if form == 'zip' else numel}"
    ):
        read_state_dict(path)


def test_a_legacy_storage_larger_than_the_file_is_not_allocated(checkpoints: Any, tmp_path: Path) -> None:
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 2**60, legacy=True), (5,), (1,))}
    path = checkpoints.write(tmp_path / "m.pth", "legacy", value, {"0": np.zeros(6, np.float32)})
    path.write_bytes(path.read_bytes()[:-32] + struct.pack("<q", 2**60) + bytes(24))
    with pytest.raises(InputError, match=r"has 24 bytes left, expected \d+: truncated"):
        read_state_dict(path)


def test_refuses_missing_storages(checkpoints: Any, tmp_path: Path, form: str) -> None:
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 6, legacy=form == "legacy"), (5,), (1,))}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"1": np.zeros(6, np.float32)})
    with pytest.raises(InputError, match=r"no member 'model/data/0'|storages is not that of its tensors"):
        read_state_dict(path)
