"""A checkpoint in which bytes were changed, lost or put in: its arrays, or an error of our own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.properties import properties
from hypothesis import given
from hypothesis import strategies as st

from tfp_insects.errors import InputError
from tfp_insects.models.torch_files.checkpoint import read_state_dict

# Where, as a share of the length; how many bytes go; what comes in their place.
opcodes = st.sampled_from([b"]", b"}", b")", b"(", b"R", b"b", b"Q", b"\x93", b"h\x01", b"q\x01", b"0", b".", b"\x8f"])
edit = st.tuples(st.floats(0, 1), st.integers(0, 6), opcodes | st.binary(max_size=6))
edits = st.lists(edit, min_size=1, max_size=4)


def edited(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for share, num_lost, new in changes:
        place = int(share * len(content))
        content = content[:place] + new + content[place + num_lost :]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def read_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    before = sorted(path.parent.iterdir())
    try:
        arrays = read_state_dict(path)
    except InputError:
        return
    assert all(type(name) is str and isinstance(array, np.ndarray) for name, array in arrays.items())
    assert sum(array.size for array in arrays.values()) <= len(arrays) * len(content)
    assert sorted(path.parent.iterdir()) == before


@properties
@given(edits)
def test_a_damaged_file_is_read_or_refused(
    checkpoints: Any, small_arrays: Any, folder: Path, form: str, changes: list[tuple[float, int, bytes]]
) -> None:
    path = checkpoints.write_arrays(folder / f"{form}.pth", form, small_arrays)
    read_or_refused(path, edited(path.read_bytes(), changes))


@properties
@given(edits)
def test_a_damaged_pickle_in_a_whole_file_is_read_or_refused(
    checkpoints: Any, folder: Path, changes: list[tuple[float, int, bytes]]
) -> None:
    tensor = checkpoints.tensor(checkpoints.storage("0", 2), (2,), (1,))
    pickled = checkpoints.pickle({"state_dict": {"a.weight": tensor}, "epoch": 3, "args": [None, True, 0.5, (1, "x")]})
    members = {"data.pkl": edited(pickled, changes), "byteorder": b"little", "data/0": np.ones(2, "<f4").tobytes()}
    path = checkpoints.write_zip(folder / "pickle.pth", members)
    read_or_refused(path, path.read_bytes())
