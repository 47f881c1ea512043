"""The export in a C program, examples/serve_from_c/: no Python, and the same answers."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "serve_from_c"
LIBRARIES = Path(tf.sysconfig.get_lib())
WARNINGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")
# TensorFlow's gigabyte of symbols takes the usual linker four times as long.
LINKER = ("-fuse-ld=gold",) if shutil.which("ld.gold") else ()
SEED = 5
INPUT, OUTPUT = 1, 2
MAX_NAME = 64  # Of a tensor, with its end.
Get = Callable[[str], Path]


def build(output: Path, *arguments: object) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    command = ["gcc", *WARNINGS, *LINKER, *map(str, arguments), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    libraries = [LIBRARIES / name for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    if not all(path.exists() for path in libraries):
        pytest.skip(f"needs {libraries[0].name} of TensorFlow's wheel for Linux")
    return build(
        tmp_path_factory.mktemp("c") / "predict",
        *("-isystem", tf.sysconfig.get_include(), *sorted(SOURCES.glob("*.c"))),
        *(*libraries, f"-Wl,-rpath,{LIBRARIES}"),
    )


@pytest.fixture
def image(runs: Any, tmp_path: Path) -> Path:
    (tmp_path / "image.png").write_bytes(runs.images(1)[0])
    return tmp_path / "image.png"


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def answers(program: Path, *arguments: object) -> dict[str, dict[str, float]]:
    """Class -> probability, by signature."""
    done = run(program, *arguments)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {
        signature: {name: float(number) for of, name, number in rows if of == signature}
        for signature in ("serving_default", "predict_seeded")
    }


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The program's own line, among those that TensorFlow logs."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    return line


@pytest.mark.parametrize("name", ["all", pytest.param("cnn", marks=pytest.mark.long)])
def test_its_answers_are_pythons(
    name: str, program: Path, image: Path, version_of: Get, loaded: Callable, seeded: Callable, runs: Any
) -> None:
    found = answers(program, version_of(name), image, SEED)
    encoded = runs.images(1)
    expected = seeded(name, runs.in_unit_range(encoded), SEED)["probabilities"][0]
    assert tuple(found["predict_seeded"]) == tuple(found["serving_default"]) == runs.class_names
    np.testing.assert_allclose(list(found["predict_seeded"].values()), expected, rtol=0, atol=1e-6)
    fresh = np.array(list(found["serving_default"].values()))
    assert fresh.sum() == pytest.approx(1.0, abs=1e-5)
    if name == "cnn":  # It has no noise.
        np.testing.assert_allclose(fresh, expected, rtol=0, atol=1e-6)
        return
    ask = loaded(name).signatures["serving_default"]
    drawn = np.log([ask(image_bytes=tf.constant(encoded))["probabilities"][0] for _ in range(30)])
    # One more draw of the same distribution. Probabilities of a rare class are skewed, their logarithms hardly.
    assert np.all(np.abs(np.log(fresh) - drawn.mean(0)) < 8 * drawn.std(0, ddof=1))
    assert np.abs(fresh - expected).max() > 1e-4, "the noise is not fresh"


def test_another_seed_is_another_answer(program: Path, image: Path, version_of: Get) -> None:
    first, again, other = (answers(program, version_of("all"), image, seed)["predict_seeded"] for seed in (5, 5, 6))
    assert first == again != other


def test_what_is_wrong_is_said_in_one_line(program: Path, image: Path, version_of: Get, tmp_path: Path) -> None:
    version = version_of("cnn")
    (tmp_path / "words.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    for path in (tmp_path / "words.png", tmp_path / "empty.png"):
        assert error_of(run(program, version, path)).startswith("error: serving_default: ")
    said = error_of(run(program, version, tmp_path / "nix.png"))
    assert said == f"error: {tmp_path / 'nix.png'} cannot be read: No such file or directory"
    assert error_of(run(program, version, tmp_path)) == f"error: {tmp_path} cannot be read: it is no file"
    assert error_of(run(program, tmp_path, image)).startswith("error: the model cannot be loaded: ")
    for arguments in ((), (version,), (version, image, "five"), (version, image, 2**63), (version, image, 1, 2)):
        done = run(program, *arguments)
        assert (done.returncode, done.stdout) == (2, "")


def test_a_model_without_the_signature_is_refused(program: Path, image: Path, version_of: Get, tmp_path: Path) -> None:
    version = shutil.copytree(version_of("cnn"), tmp_path / "1")
    model = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    del model.meta_graphs[0].signature_def["serving_default"]
    (version / "saved_model.pb").write_bytes(model.SerializeToString())
    said = error_of(run(program, version, image))
    assert said == "error: the model has no input 'image_bytes' in a signature serving_default"


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, int] | None]:
    """Asks signatures.c alone, which reads the bytes of a model."""
    path = build(tmp_path_factory.mktemp("c") / "signatures.so", "-shared", "-fPIC", SOURCES / "signatures.c")
    library = ctypes.CDLL(str(path))

    def ask(graph: bytes, signature: str, kind: int, key: str) -> tuple[str, int] | None:
        name, index = ctypes.create_string_buffer(MAX_NAME), ctypes.c_int()
        arguments = (graph, ctypes.c_size_t(len(graph)), signature.encode(), kind, key.encode())
        found = library.find_signature_tensor(*arguments, name, ctypes.c_size_t(MAX_NAME), ctypes.byref(index))
        return (name.value.decode(errors="replace"), index.value) if found & 0xFF else None

    return ask


def test_tensors_of_signatures_are_found_as_in_python(find: Callable, version_of: Get) -> None:
    model = saved_model_pb2.SavedModel.FromString((version_of("all") / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0]
    whole = graph.SerializeToString()
    for signature, definition in graph.signature_def.items():
        for kind, tensors in ((INPUT, definition.inputs), (OUTPUT, definition.outputs)):
            for key, tensor in tensors.items():
                if ":" in tensor.name:  # The one that initialises the model is an operation.
                    name, _, index = tensor.name.rpartition(":")
                    assert find(whole, signature, kind, key) == (name, int(index))
    assert find(whole, "nix", INPUT, "images") is find(whole, "serving_default", OUTPUT, "nix") is None


def test_damaged_bytes_and_names_find_nothing(find: Callable) -> None:
    graph = meta_graph_pb2.MetaGraphDef()
    tensor = graph.signature_def["s"].inputs["k"]
    tensor.name = "operation:3"
    whole = graph.SerializeToString()
    assert find(whole, "s", INPUT, "k") == ("operation", 3)
    assert all(find(whole[:length], "s", INPUT, "k") is None for length in range(len(whole)))
    for position in range(len(whole)):
        for flip in range(1, 256):
            damaged = whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :]
            found = find(damaged, "s", INPUT, "k")
            assert found is None or len(found[0]) < MAX_NAME
    for name in (
        "operation",
        ":1",
        "operation:",
        "operation:-1",
        "operation:1x",
        "operation:99999999999",
        "o" * (MAX_NAME - 2) + ":1",
    ):
        tensor.name = name
        assert find(graph.SerializeToString(), "s", INPUT, "k") is None
