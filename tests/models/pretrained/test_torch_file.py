import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.torch_file import MAX_PICKLE_BYTES, read_state_dict

REAL_CHECKPOINT = Path(__file__).parents[4] / "shared" / "weights" / "alexnet-190.pth"
needs_real_checkpoint = pytest.mark.skipif(
    not REAL_CHECKPOINT.is_file(), reason=f"needs the real checkpoint {REAL_CHECKPOINT.name} in ../shared/weights"
)
both_formats = pytest.mark.parametrize("form", ["zip", "legacy"])
SMALL = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.bias": np.arange(3, dtype=np.float16),
    "steps": np.array(7, np.int64),
}


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array, strict=True)


@both_formats
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_reads_each_type_and_shape(checkpoints, tmp_path, form, dtype):
    arrays = {
        "matrix": np.arange(12).astype(dtype).reshape(3, 4),
        "kernel": np.arange(24).astype(dtype).reshape(1, 2, 3, 4),
        "scalar": np.array(1, dtype),
        "empty": np.zeros((0, 3), dtype),
    }
    assert_same(read_state_dict(checkpoints.write_arrays(tmp_path / "m.pth", form, arrays)), arrays)


@both_formats
def test_follows_strides_and_offset_and_shared_storages(checkpoints, tmp_path, form):
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


@both_formats
def test_widens_bfloat16(checkpoints, tmp_path, form):
    values = np.array([1.0, -2.5, 3e38, np.inf, 2.0**-126], np.float32)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    storage = checkpoints.storage("0", 5, "BFloat16Storage", legacy=form == "legacy")
    value = {"w": checkpoints.tensor(storage, (5,), (1,))}
    array = read_state_dict(checkpoints.write(tmp_path / "m.pth", form, value, {"0": bits}))["w"]
    assert array.dtype == np.float32
    # bfloat16 keeps 8 significant bits.
    np.testing.assert_allclose(array, values, rtol=2.0**-7)
    np.testing.assert_array_equal(array[[0, 1, 3, 4]], values[[0, 1, 3, 4]])


@both_formats
def test_accepts_what_a_module_state_dict_carries(checkpoints, tmp_path, form):
    """An ordered dict with parameters, whose `_metadata` attribute is set by BUILD."""
    ordered_dict = checkpoints.Call(checkpoints.Global("collections", "OrderedDict"), ())
    tensor = checkpoints.tensor(checkpoints.storage("0", 2, legacy=form == "legacy"), (2,), (1,))
    parameter = checkpoints.Call(checkpoints.Global("torch._utils", "_rebuild_parameter"), (tensor, True, ordered_dict))
    body = [ordered_dict, "w", parameter]
    build = checkpoints.pickle({"_metadata": {"": {"version": 1}}})[2:-1]
    opcodes = b"".join(checkpoints.pickle(part)[2:-1] for part in body) + pickle.SETITEM + build + pickle.BUILD
    path = checkpoints.write(tmp_path / "m.pth", form, checkpoints.Raw(opcodes), {"0": np.array([3, 4], np.float32)})
    assert_same(read_state_dict(path), {"w": np.array([3, 4], np.float32)})


@both_formats
def test_unwraps_a_training_checkpoint(checkpoints, tmp_path, form):
    tensor = checkpoints.tensor(checkpoints.storage("0", 2, legacy=form == "legacy"), (2,), (1,))
    value = {"epoch": 3, "rates": [0.1, None, True], "state_dict": {"w": tensor}, 5: (1, 2)}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.array([3, 4], np.float32)})
    assert_same(read_state_dict(path), {"w": np.array([3, 4], np.float32)})


@both_formats
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "holds no state_dict but a list"),
        ({}, "holds no state_dict but a dict without tensors"),
        ({"epoch": 3}, "its entry 'epoch' is no named tensor but a int"),
        ({"state_dict": {"w": None}}, "its entry 'w' is no named tensor but a NoneType"),
    ],
)
def test_refuses_what_is_no_state_dict(checkpoints, tmp_path, form, value, message):
    path = checkpoints.write(tmp_path / "m.pth", form, value, {})
    with pytest.raises(InputError, match=f"m.pth: .*{message}"):
        read_state_dict(path)


@both_formats
@pytest.mark.parametrize(
    ("module", "name", "argument"),
    [
        ("os", "system", "touch {}"),
        ("posix", "system", "touch {}"),
        ("builtins", "eval", "open({!r}, 'w')"),
        ("builtins", "exec", "open({!r}, 'w')"),
        ("subprocess", "getoutput", "touch {}"),
        ("torch", "load", "{}"),
        ("torch.storage", "_load_from_bytes", "{}"),
        ("collections", "OrderedDict.fromkeys", "{}"),
        ("torch._utils", "__builtins__", "{}"),
    ],
)
def test_a_pickle_bomb_is_refused_by_name_and_does_not_run(checkpoints, tmp_path, form, module, name, argument):
    marker = tmp_path / "marker"
    bomb = checkpoints.Call(checkpoints.Global(module, name), (argument.format(str(marker)),))
    path = checkpoints.write(tmp_path / "bomb.pth", form, {"w": bomb}, {})
    with pytest.raises(InputError, match=rf"bomb\.pth: .*asks for '{module}\.{name}', refused"):
        read_state_dict(path)
    assert not marker.exists()


def test_a_bomb_in_the_head_of_a_legacy_file_is_refused(checkpoints, tmp_path):
    path = tmp_path / "bomb.pth"
    bomb = checkpoints.Call(checkpoints.Global("os", "system"), ("true",))
    path.write_bytes(checkpoints.pickle(0x1950A86A20F9469CFC6C) + checkpoints.pickle(bomb))
    with pytest.raises(InputError, match=r"'os\.system', refused"):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "protocol is 4"),
        (b"\x8c\x02os\x8c\x06system\x93.", "opcode SHORT_BINUNICODE, refused"),
        (b"(ios\nsystem\n.", "opcode INST, refused"),
        (b"(ctorch\nFloatStorage\no.", "opcode OBJ, refused"),
        (b"ccollections\nOrderedDict\n)\x81.", "opcode NEWOBJ, refused"),
        (b"\x82\x01.", "opcode EXT1, refused"),
        (b"Pos\n.", "opcode PERSID, refused"),
        (b"U\x02os)R.", "calls an object .str., refused"),
        (b"ctorch\nFloatStorage\n)R.", "calls an object .*, refused"),
        (b"ccollections\nOrderedDict\n}b.", "sets attributes, refused"),
        (b"}U\x01ab.", "sets attributes, refused"),
        (b"ccollections\nOrderedDict\n](U\x01aK\x01e\x85R.", "fills an ordered dict by a call"),
        (b"})K\x01s.", "dict key of a strange type"),
        (b"}K\x01K\x02K\x03(K\x01u.", "odd dict"),
        (b")K\x01a.", "appends to what is no list"),
        (b"h\x05.", "no memo 5"),
        (b"R.", "damaged"),
        (b".", "empty stack"),
        (b"t.", "empty stack"),
        (b"K", "damaged"),
        (b"}", "before seeing STOP"),
        (b"\x8a\x01", "damaged"),
        (b"U\x02osQ.", "persistent id of no storage"),
        (b"r\xff\xff\xff\xff.", "empty stack"),
    ],
)
def test_refuses_opcodes_that_no_state_dict_needs(checkpoints, tmp_path, opcodes, message):
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
    with pytest.raises(InputError, match=message):
        read_state_dict(path)


@both_formats
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
def test_refuses_tensors_outside_their_storage(checkpoints, tmp_path, form, size, stride, offset, message):
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 6, legacy=form == "legacy"), size, stride, offset)}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.zeros(6, np.float32)})
    with pytest.raises(InputError, match=message):
        read_state_dict(path)


def test_refuses_damaged_tensors(checkpoints, tmp_path):
    storage = checkpoints.storage("0", 2)
    rebuild_parameter = checkpoints.Global("torch._utils", "_rebuild_parameter")
    hook = {"hook": 1}
    tensor = checkpoints.tensor(storage, (2,), (1,))
    values = {
        "tensor with hooks": checkpoints.tensor(storage, (2,), (1,), hooks=hook),
        "parameter with hooks": checkpoints.Call(rebuild_parameter, (tensor, True, hook)),
        "damaged parameter": checkpoints.Call(rebuild_parameter, (storage, True, {})),
        "damaged tensor": checkpoints.tensor(None, (2,), (1,)),
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


@both_formats
@pytest.mark.parametrize("numel", [5, 7, 2**60])
def test_refuses_a_storage_of_another_size_than_declared(checkpoints, tmp_path, form, numel):
    value = {"w": checkpoints.tensor(checkpoints.storage("0", numel, legacy=form == "legacy"), (5,), (1,))}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.zeros(6, np.float32)})
    with pytest.raises(
        InputError, match=f"has (24 bytes|6 elements), expected {numel * 4 if form == 'zip' else numel}"
    ):
        read_state_dict(path)


def test_a_legacy_storage_larger_than_the_file_is_not_allocated(checkpoints, tmp_path):
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 2**60, legacy=True), (5,), (1,))}
    path = checkpoints.write(tmp_path / "m.pth", "legacy", value, {"0": np.zeros(6, np.float32)})
    path.write_bytes(path.read_bytes()[:-32] + struct.pack("<q", 2**60) + bytes(24))
    with pytest.raises(InputError, match=r"has 24 bytes left, expected \d+: truncated"):
        read_state_dict(path)


@both_formats
def test_refuses_missing_storages(checkpoints, tmp_path, form):
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 6, legacy=form == "legacy"), (5,), (1,))}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"1": np.zeros(6, np.float32)})
    with pytest.raises(InputError, match=r"no member 'model/data/0'|storages is not that of its tensors"):
        read_state_dict(path)


def test_refuses_big_endian_files(checkpoints, tmp_path):
    pickled = checkpoints.pickle({})
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": pickled, "byteorder": b"big"})
    with pytest.raises(InputError, match=r"byte order is b'big', expected b'little'"):
        read_state_dict(path)
    heads = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": False}, {}, []]
    path.write_bytes(b"".join(map(checkpoints.pickle, heads)))
    with pytest.raises(InputError, match="little-endian"):
        read_state_dict(path)


def test_reads_zip_files_without_byte_order(checkpoints, tmp_path):
    """torch wrote none before 2.0."""
    value = {"w": checkpoints.tensor(checkpoints.storage("0", 2), (2,), (1,))}
    members = {"data.pkl": checkpoints.pickle(value), "data/0": np.array([1, 2], np.float32).tobytes(), "version": b"3"}
    path = checkpoints.write_zip(tmp_path / "m.pth", members)
    assert_same(read_state_dict(path), {"w": np.array([1, 2], np.float32)})


def test_refuses_zip_bombs(checkpoints, tmp_path):
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed or encrypted"):
        read_state_dict(path)
    checkpoints.write_zip(path, {"data.pkl": bytes(MAX_PICKLE_BYTES + 1)})
    with pytest.raises(InputError, match=r"data\.pkl is larger than 1,048,576 bytes"):
        read_state_dict(path)


def test_refuses_overlapping_zip_members(checkpoints, tmp_path):
    """Every entry of the directory points at one member: each is honest, their sum is not."""
    path = checkpoints.write_zip(tmp_path / "m.pth", {f"data/{key:03}": bytes(1000) for key in range(100)})
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    first = content[: content.index(b"PK\x03\x04", 4)]
    end = content[content.rindex(b"PK\x05\x06") :]
    directory = b"".join(
        entry[:38] + struct.pack("<I", 0) + entry[42:]
        for entry in (b"PK\x01\x02" + part for part in content[start : -len(end)].split(b"PK\x01\x02")[1:])
    )
    path.write_bytes(first + directory + end[:16] + struct.pack("<I", len(first)) + end[20:])
    with pytest.raises(InputError, match="larger than the file"):
        read_state_dict(path)


def test_billion_laughs_and_deep_nests_end_at_once(checkpoints, tmp_path):
    laughs = ["lol"] * 10
    for _ in range(40):
        laughs = [laughs] * 10
    deep_list = b"]" * 100_000 + b"a" * 99_999 + b"."
    deep_key = b"})" + b"\x85" * 200_000 + b"K\x01s."
    deep_marks = b"(" * 200_000 + b"."
    for opcodes in (checkpoints.pickle(laughs), deep_list, deep_key, deep_marks):
        path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
        with pytest.raises(InputError):
            read_state_dict(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        b"\xff\xd8\xff\xe0" + bytes(30),
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19",
        pickle.dumps({"w": 1}),
    ],
)
def test_refuses_files_that_are_no_checkpoint(tmp_path, content):
    path = tmp_path / "m.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m.pth: cannot be read as a torch checkpoint: .*torch.save"):
        read_state_dict(path)


def test_refuses_other_zip_files(tmp_path):
    path = tmp_path / "m.pth"
    stream = io.BytesIO()
    np.savez(stream, w=np.zeros(3))
    path.write_bytes(stream.getvalue())
    with pytest.raises(InputError, match=r"zip archive without one data\.pkl"):
        read_state_dict(path)


def test_refuses_what_is_no_file(tmp_path):
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(InputError, match=f"{path}: no such file"):
            read_state_dict(path)
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(InputError, match=r"pipe.pth: no such file"):
        read_state_dict(tmp_path / "pipe.pth")


@both_formats
def test_truncated_anywhere_is_an_error(checkpoints, tmp_path, form):
    path = checkpoints.write_arrays(tmp_path / "m.pth", form, SMALL)
    content = path.read_bytes()
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_state_dict(path)


@both_formats
def test_damaged_bytes_give_an_error_or_arrays(checkpoints, tmp_path, form):
    path = checkpoints.write_arrays(tmp_path / "m.pth", form, SMALL)
    content = path.read_bytes()
    num_errors = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= (0xFF, 0x01, 0x80)[position % 3]
        path.write_bytes(damaged)
        try:
            arrays = read_state_dict(path)
        except InputError:
            num_errors += 1
        else:
            assert all(np.isfinite(array.astype(np.float64).sum()) or form == "legacy" for array in arrays.values())
    assert num_errors > len(content) / 4


@needs_real_checkpoint
def test_reads_the_real_checkpoint():
    state_dict = read_state_dict(REAL_CHECKPOINT)
    assert len(state_dict) == 16
    assert state_dict["features.0.weight"].shape == (64, 3, 11, 11)
    assert state_dict["classifier.6.weight"].shape == (190, 4096)
    assert {array.dtype.name for array in state_dict.values()} == {"float16"}
    assert sum(array.size for array in state_dict.values()) == 57_003_840 + 190 * 4097


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="compares with torch, which only the parity extra installs")


def assert_same_as_torch(torch, path: Path) -> None:
    expected = torch.load(path, weights_only=True)
    expected = expected.get("state_dict", expected)
    actual = read_state_dict(path)
    assert list(actual) == list(expected)
    for name, tensor in expected.items():
        array = tensor.detach().float().numpy() if tensor.dtype == torch.bfloat16 else tensor.detach().numpy()
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array, strict=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_what_torch_reads(torch, tmp_path, zipped):
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


@both_formats
def test_the_writer_of_these_tests_writes_what_torch_reads(torch, checkpoints, tmp_path, form):
    assert_same_as_torch(torch, checkpoints.write_arrays(tmp_path / "m.pth", form, SMALL))


@needs_real_checkpoint
def test_reads_the_real_checkpoint_as_torch_does(torch):
    assert_same_as_torch(torch, REAL_CHECKPOINT)
