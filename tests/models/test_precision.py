from pathlib import Path

import pytest
import tensorflow as tf

from tfp_insects.errors import InputError
from tfp_insects.models import precision


def on_processor(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(precision, "Path", lambda name: path)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_policy_is_taken_as_it_is(policy: str) -> None:
    assert precision.resolve_precision(policy) == policy


@pytest.mark.parametrize("name", ["bfloat16", "float64", "", "AUTO"])
def test_an_unknown_name_is_refused_with_what_there_is(name: str) -> None:
    message = f"precision '{name}' is unknown; expected auto or one of float32, mixed_bfloat16, mixed_float16"
    with pytest.raises(InputError, match=message):
        precision.resolve_precision(name)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512_bf16 amx_bf16", "mixed_bfloat16"), ("fp asimd bf16", "mixed_bfloat16"), ("fpu avx2", "float32")],
)
def test_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags: {flags}\n")
    on_processor(monkeypatch, tmp_path / "cpuinfo")
    assert precision.resolve_precision("auto") == expected


def test_auto_is_float32_where_the_processor_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_processor(monkeypatch, tmp_path / "absent")
    assert precision.resolve_precision("auto") == "float32"


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"compute_capability": (7, 5)}, "float32"),
        ({"compute_capability": (8, 0)}, "mixed_bfloat16"),
        ({"compute_capability": (9, 0)}, "mixed_bfloat16"),
        ({}, "float32"),
    ],
)
def test_auto_asks_a_gpu_before_the_processor(
    monkeypatch: pytest.MonkeyPatch, details: dict[str, tuple[int, int]], expected: str
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)
    assert precision.resolve_precision("auto") == expected
