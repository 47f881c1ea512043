"""Our reader against torch.load: the same arrays from the same files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.models.torch_files.checkpoint import read_state_dict


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="compares with torch, which only the parity extra installs")


def assert_same_as_torch(torch: Any, path: Path) -> None:
    expected = torch.load(path, weights_only=True)
    expected = expected.get("state_dict", expected)
    actual = read_state_dict(path)
    assert list(actual) == list(expected)
    for name, tensor in expected.items():
        array = tensor.detach().float().numpy() if tensor.dtype == torch.bfloat16 else tensor.detach().numpy()
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array, strict=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_what_torch_reads(torch: Any, tmp_path: Path, zipped: bool) -> None:
    base = torch.arange(60.0).reshape(3, 4, 5)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 2))
    dtypes = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
    state_dicts = [
        module.state_dict(),
        {"state_dict": module.state_dict(), "epoch": 3, "loss": 0.25},
        {name: base.to(getattr(torch, name)) for name in dtypes},
        {"transposed": base.permute(2, 0, 1), "part": base[1:, ::2, 3], "whole": base, "scalar": base.sum()},
        {"channels_last": torch.arange(48.0).reshape(2, 4, 2, 3).to(memory_format=torch.channels_last)},
        {"parameter": torch.nn.Parameter(base), "empty": torch.zeros(0, 3)},
    ]
    for state_dict in state_dicts:
        torch.save(state_dict, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)
        assert_same_as_torch(torch, tmp_path / "m.pth")


def test_the_writer_of_these_tests_writes_what_torch_reads(
    torch: Any, checkpoints: Any, tmp_path: Path, form: str, small_arrays: dict[str, np.ndarray]
) -> None:
    assert_same_as_torch(torch, checkpoints.write_arrays(tmp_path / "m.pth", form, small_arrays))


def test_reads_the_real_checkpoint_as_torch_does(torch: Any, real_checkpoint: Path) -> None:
    assert_same_as_torch(torch, real_checkpoint)
