"""Weights in files: what is read, what is refused, and how they are written."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.weights_layout import WEIGHT_NAMES, convert_state_dict
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.pretrained_files import load_pretrained, save_weights, weights_fingerprint


def test_every_file_format_gives_the_same_weights(
    narrow_state_dict: Callable, checkpoints: Any, tmp_path: Path
) -> None:
    expected = convert_state_dict(narrow_state_dict())
    save_weights(tmp_path / "converted.npz", expected)
    paths = [tmp_path / "converted.npz"]
    for form, dtype, name in [("zip", "float16", "a.pth"), ("legacy", "float32", "b.pt"), ("zip", "float64", "c.pt")]:
        paths.append(checkpoints.write_arrays(tmp_path / name, form, narrow_state_dict(dtype)))
    for path in paths:
        weights = load_pretrained(path, ALEXNET)
        assert tuple(weights) == WEIGHT_NAMES
        for name in WEIGHT_NAMES:
            np.testing.assert_array_equal(weights[name], expected[name], strict=True)


def test_errors_name_the_file(checkpoints: Any, tmp_path: Path) -> None:
    other: dict[str, Any] = {"fc.weight": np.zeros((2, 2), np.float32)}
    np.savez(tmp_path / "other.npz", **other)
    paths = [tmp_path / "other.npz", checkpoints.write_arrays(tmp_path / "other.pth", "zip", other)]
    for path in paths:
        with pytest.raises(InputError, match=re.escape(f"{path}: not AlexNet's weights: missing features")):
            load_pretrained(path, ALEXNET)


@pytest.mark.parametrize("name", ["weights.hdf", "weights.keras", "weights", "weights.pkl"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        InputError, match=rf"{name}: expected weights in a file ending in \.pth, \.pt, \.tar, .* or \.npz"
    ):
        load_pretrained(tmp_path / name, ALEXNET)


@pytest.mark.parametrize("name", ["absent.npz", "absent.pth"])
def test_absent_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: no such file"):
        load_pretrained(tmp_path / name, ALEXNET)


def test_hostile_npz_files_are_refused(narrow_state_dict: Callable, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    weights: dict[str, Any] = convert_state_dict(narrow_state_dict())
    np.savez_compressed(path, **weights)
    with pytest.raises(InputError, match=r"w\.npz: cannot be read as converted weights: .*compressed"):
        load_pretrained(path, ALEXNET)
    np.savez(path, **(weights | {"features_0/bias": np.array([print, None])}))
    with pytest.raises(InputError, match=r"w\.npz: cannot be read .*Object arrays cannot be loaded"):
        load_pretrained(path, ALEXNET)
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**50,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features_0/bias.npy", stream.getvalue())
    with pytest.raises(InputError, match=r"w\.npz: cannot be read"):
        load_pretrained(path, ALEXNET)


def test_truncated_npz_files_are_refused(npz_file: Path) -> None:
    content = npz_file.read_bytes()
    for length in range(0, len(content), len(content) // 50):
        npz_file.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"w\.npz"):
            load_pretrained(npz_file, ALEXNET)


def test_damaged_npz_files_give_an_error_or_weights(checkpoints: Any, npz_file: Path) -> None:
    content = npz_file.read_bytes()
    for damaged in checkpoints.damaged(content, [*range(300), *range(len(content) - 600, len(content))]):
        npz_file.write_bytes(damaged)
        try:
            weights = load_pretrained(npz_file, ALEXNET)
        except InputError:
            continue
        assert tuple(weights) == WEIGHT_NAMES


def test_a_failed_save_leaves_the_old_file_and_nothing_else(narrow_state_dict: Callable, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    weights = convert_state_dict(narrow_state_dict())
    save_weights(path, weights)
    content = path.read_bytes()
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_weights(path, weights | {"features_10/bias": np.array([None])})
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_unusable_targets_are_named(narrow_state_dict: Callable, tmp_path: Path) -> None:
    weights = convert_state_dict(narrow_state_dict())
    with pytest.raises(InputError, match=r"w\.h5: expected a name that ends in \.npz"):
        save_weights(tmp_path / "w.h5", weights)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"w\.npz: cannot be written: .*Choose another place"):
        save_weights(tmp_path / "file" / "w.npz", weights)


def test_fingerprint_depends_on_names_shapes_and_values_alone(narrow_state_dict: Callable) -> None:
    weights = convert_state_dict(narrow_state_dict())
    fingerprint = weights_fingerprint(weights)
    assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    assert weights_fingerprint(dict(reversed(weights.items()))) == fingerprint
    others = [
        weights | {"features_0/bias": weights["features_0/bias"] + np.float32(1e-6)},
        weights | {"classifier_4/kernel": weights["classifier_4/kernel"].reshape(9, 8)},
        {name.replace("features_0", "features_1"): array for name, array in weights.items()},
    ]
    assert len({fingerprint, *map(weights_fingerprint, others)}) == 4
