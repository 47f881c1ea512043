"""The conversion of a file to .npz, and the script that does it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.pretrained_files import convert_file, load_pretrained

ROOT = Path(__file__).parents[3]
RunScript = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkpoint(checkpoints: Any, narrow_state_dict: Callable, tmp_path: Path) -> Path:
    return checkpoints.write_arrays(tmp_path / "alexnet.pth", "zip", narrow_state_dict())


@pytest.fixture(scope="module")
def run_script(tmp_path_factory: pytest.TempPathFactory) -> RunScript:
    """Runs the script where whoever imports TensorFlow fails."""
    folder = tmp_path_factory.mktemp("blocked")
    for name in ("tensorflow", "tf_keras"):
        (folder / f"{name}.py").write_text("raise AssertionError('TensorFlow was imported')")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, str(ROOT / "scripts" / "convert_weights.py")]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)

    return run


def test_converts_and_says_what_was_matched(checkpoint: Path, tmp_path: Path) -> None:
    lines = convert_file(checkpoint, tmp_path / "out.npz", ALEXNET).splitlines()
    assert len(lines) == 16
    assert lines[0] == "features.0.weight (2, 3, 11, 11) -> features_0/kernel (11, 11, 3, 2)"
    assert lines[-1] == "classifier.6.bias (10,) -> classifier_6/bias (10,)"
    converted, direct = load_pretrained(tmp_path / "out.npz", ALEXNET), load_pretrained(checkpoint, ALEXNET)
    for name, array in direct.items():
        np.testing.assert_array_equal(converted[name], array, strict=True)


def test_another_architecture_leaves_no_output(checkpoints: Any, tmp_path: Path) -> None:
    path = checkpoints.write_arrays(tmp_path / "resnet.pth", "zip", {"fc.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(InputError, match=r"resnet\.pth: not AlexNet's weights: missing .*; left over fc\.weight"):
        convert_file(path, tmp_path / "out.npz", ALEXNET)
    assert not (tmp_path / "out.npz").exists()


def test_the_script_converts(checkpoint: Path, run_script: RunScript, tmp_path: Path) -> None:
    done = run_script(f"--input={checkpoint}", f"--output={tmp_path / 'out.npz'}")
    assert done.returncode == 0, done.stderr
    assert "features.10.weight (7, 6, 3, 3) -> features_10/kernel (3, 3, 6, 7)" in done.stdout
    assert (tmp_path / "out.npz").is_file()


def test_the_script_tells_mistakes_in_one_line(run_script: RunScript, tmp_path: Path) -> None:
    done = run_script(f"--input={tmp_path / 'absent.pth'}", f"--output={tmp_path / 'out.npz'}")
    assert done.returncode == 1
    assert (
        done.stderr
        == f"error: {tmp_path / 'absent.pth'}: no such file. Expected a checkpoint of torch.save (.pth or .pt)\n"
    )


def test_the_script_needs_both_flags(run_script: RunScript) -> None:
    done = run_script("--input=x.pth")
    assert done.returncode == 2
    assert "--output" in done.stderr
