"""Our reader against torch.load: the same arrays from the same files, live and as stored in golden files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import make_torch_outputs as golden

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
        array = golden.as_array(tensor)
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array, strict=True)


@pytest.mark.parametrize("form", golden.CHECKPOINTS)
def test_reads_what_torch_wrote(form: str) -> None:
    actual = read_state_dict(golden.CHECKPOINTS[form])
    with np.load(golden.ARRAYS) as expected:
        assert list(actual) == list(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(actual[name], array, strict=True)


@pytest.mark.parametrize("form", golden.CHECKPOINTS)
def test_the_golden_files_are_what_the_torch_installed_reads(torch: Any, form: str) -> None:
    tensors = torch.load(golden.CHECKPOINTS[form], weights_only=True)
    with np.load(golden.ARRAYS) as arrays:
        assert list(tensors) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(golden.as_array(tensors[name]), array, strict=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_what_torch_reads(torch: Any, tmp_path: Path, zipped: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(5, 2))
    state_dicts = [
        module.state_dict(),
        {"state_dict": module.state_dict(), "epoch": 3, "loss": 0.25},
        golden.state_dict(),
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
