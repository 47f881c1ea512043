"""Pickles that are refused, and that never run: forbidden globals and opcodes, bombs, and what is no state_dict."""

from pathlib import Path
from typing import Any

import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.torch_files.checkpoint import read_state_dict


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "holds no state_dict but a list"),
        ({}, "holds no state_dict but a dict without tensors"),
        ({"epoch": 3}, "its entry 'epoch' is no named tensor but a int"),
        ({"state_dict": {"w": None}}, "its entry 'w' is no named tensor but a NoneType"),
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
def test_a_pickle_bomb_is_refused_by_name_and_does_not_run(
    checkpoints: Any, tmp_path: Path, form: str, module: str, name: str, argument: str
) -> None:
    marker = tmp_path / "marker"
    bomb = checkpoints.Call(checkpoints.Global(module, name), (argument.format(str(marker)),))
    path = checkpoints.write(tmp_path / "bomb.pth", form, {"w": bomb}, {})
    with pytest.raises(InputError, match=rf"bomb\.pth: .*asks for '{module}\.{name}', refused"):
        read_state_dict(path)
    assert not marker.exists()


def test_a_bomb_in_the_head_of_a_legacy_file_is_refused(checkpoints: Any, tmp_path: Path) -> None:
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
def test_refuses_opcodes_that_no_state_dict_needs(
    checkpoints: Any, tmp_path: Path, opcodes: bytes, message: str
) -> None:
    path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
    with pytest.raises(InputError, match=message):
        read_state_dict(path)


def test_billion_laughs_and_deep_nests_end_at_once(checkpoints: Any, tmp_path: Path) -> None:
    laughs: list[Any] = ["lol"] * 10
    for _ in range(40):
        laughs = [laughs] * 10
    deep_list = b"]" * 100_000 + b"a" * 99_999 + b"."
    deep_key = b"})" + b"\x85" * 200_000 + b"K\x01s."
    deep_marks = b"(" * 200_000 + b"."
    for opcodes in (checkpoints.pickle(laughs), deep_list, deep_key, deep_marks):
        path = checkpoints.write_zip(tmp_path / "m.pth", {"data.pkl": opcodes})
        with pytest.raises(InputError):
            read_state_dict(path)
