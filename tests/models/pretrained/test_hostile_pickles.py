"""Pickles that never run: bombs, opcodes that no torch writes, nests and laughs, and what holds no model's tensors."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.torch_files.checkpoint import read_state_dict


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "holds no state_dict but a list"),
        ({}, "holds no state_dict but a dict without tensors"),
        ({"epoch": 3}, r"none of its keys epoch \(int\) .* Save model\.state_dict\(\) alone"),
        ({"state_dict": {"w": None}}, r"none of its keys state_dict \(dict\) is known to hold a model's tensors"),
    ],
)
def test_refuses_what_is_no_state_dict(checkpoints: Any, tmp_path: Path, form: str, value: Any, message: str) -> None:
    path = checkpoints.write(tmp_path / "m.pth", form, value, {})
    with pytest.raises(InputError, match=f"m.pth: .*{message}"):
        read_state_dict(path)


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
def test_a_pickle_bomb_is_named_and_does_not_run(
    checkpoints: Any, tmp_path: Path, form: str, module: str, name: str, argument: str
) -> None:
    marker = tmp_path / "marker"
    bomb = checkpoints.Call(checkpoints.Global(module, name), (argument.format(str(marker)),))
    path = checkpoints.write(tmp_path / "bomb.pth", form, {"w": bomb}, {})
    with pytest.raises(InputError, match=rf"bomb\.pth: .*none of its keys w \({module}\.{name}\)"):
        read_state_dict(path)
    assert not marker.exists()


def test_a_bomb_beside_tensors_does_not_run_and_does_no_harm(checkpoints: Any, tmp_path: Path, form: str) -> None:
    marker = tmp_path / "marker"
    bomb = checkpoints.Call(checkpoints.Global("os", "system"), (f"touch {marker}",))
    tensor = checkpoints.tensor(checkpoints.storage("0", 2, legacy=form == "legacy"), (2,), (1,))
    value = {"args": bomb, "state_dict": {"w": tensor, "bomb": bomb}}
    path = checkpoints.write(tmp_path / "m.pth", form, value, {"0": np.array([3, 4], np.float32)})
    found = read_state_dict(path)
    np.testing.assert_array_equal(found.pop("w"), [3, 4])
    assert not found
    assert not marker.exists()


def test_a_bomb_in_the_head_of_a_legacy_file_is_refused(checkpoints: Any, tmp_path: Path) -> None:
    path, marker = tmp_path / "bomb.pth", tmp_path / "marker"
    bomb = checkpoints.Call(checkpoints.Global("os", "system"), (f"touch {marker}",))
    path.write_bytes(checkpoints.pickle(0x1950A86A20F9469CFC6C) + checkpoints.pickle(bomb))
    with pytest.raises(InputError, match=r"bomb\.pth: cannot be read as a torch checkpoint"):
        read_state_dict(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (b"\x80\x06.", "protocol is 6"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "no tensors but an object of os system"),
        (b"(ios\nsystem\n.", "opcode INST, refused"),
        (b"(ctorch\nFloatStorage\no.", "opcode OBJ, refused"),
        (b"\x82\x01.", "opcode EXT1, refused"),
        (b"Pos\n.", "opcode PERSID, refused"),
        (b"U\x02os)R.", "calls an object .str., refused"),
        (b"]U\x06system\x93.", "the name of a class is no text"),
        (b"ctorch\nFloatStorage\n)R.", "calls an object .*, refused"),
        (b"cos\nsystem\nU\x04trueR.", "arguments are no tuple"),
        (b"cos\nsystem\n)R}b.", "no tensors but an object of os system"),
        (b"}U\x01ab.", "a dict without tensors"),
        (b"})K\x01s.", "a dict without tensors"),
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
def test_opcodes_of_no_state_dict_are_an_error(checkpoints: Any, tmp_path: Path, opcodes: bytes, message: str) -> None:
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
    with pytest.raises(InputError, match=message):
        read_state_dict(path)


def test_billion_laughs_and_deep_nests_end_at_once(checkpoints: Any, tmp_path: Path) -> None:
    laughs: list[Any] = ["lol"] * 10
    for _ in range(40):
        laughs = [laughs] * 10
    laughing_name = checkpoints.pickle(laughs)[:-1] + b"U\x01x\x93."
    deep_list = b"]" * 100_000 + b"a" * 99_999 + b"."
    deep_key = b"})" + b"\x85" * 200_000 + b"K\x01s."
    deep_marks = b"(" * 200_000 + b"."
    for opcodes in (checkpoints.pickle(laughs), laughing_name, deep_list, deep_key, deep_marks):
        path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
        with pytest.raises(InputError):
            read_state_dict(path)


def test_dicts_and_modules_in_themselves_are_looked_at_once(checkpoints: Any, tmp_path: Path) -> None:
    # A dict that holds itself under each key that is looked under would be looked at 9^20 times.
    keys = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module")
    items = b"".join(b"X" + len(key).to_bytes(4, "little") + key.encode() + b"h\x00" for key in keys)
    laughing_dict = b"}q\x00(" + items + b"u."
    # So would modules that have each other as children.
    children = b"".join(b"X\x01\x00\x00\x00" + bytes([97 + i]) + b"h\x00" for i in range(20))
    laughing_module = b"cx\nModule\n)\x81q\x00}X\x08\x00\x00\x00_modules}(" + children + b"usb."
    start = time.monotonic()
    for opcodes in (laughing_dict, laughing_module):
        path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
        with pytest.raises(InputError):
            read_state_dict(path)
    assert time.monotonic() - start < 5
