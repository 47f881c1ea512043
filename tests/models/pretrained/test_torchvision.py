import http.server
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.torchvision import (
    imagenet_weights,
    load_pretrained,
    save_weights,
    weights_fingerprint,
)
from tfp_insects.models.torchvision_layout import WEIGHT_NAMES, check_weights, convert_state_dict, torch_name

REAL_CHECKPOINT = Path(__file__).parents[4] / "shared" / "weights" / "alexnet-190.pth"
CONTENT = b"not really weights" * 1000
CONTENT_SHA256 = sha256(CONTENT).hexdigest()
# Narrow, and every width another, so that no two axes can be confused.
NARROW = {
    "features.0": (2, 3, 11, 11),
    "features.3": (4, 2, 5, 5),
    "features.6": (5, 4, 3, 3),
    "features.8": (6, 5, 3, 3),
    "features.10": (7, 6, 3, 3),
    "classifier.1": (8, 36 * 7),
    "classifier.4": (9, 8),
    "classifier.6": (10, 9),
}


def narrow_state_dict(dtype: str = "float32", *, start: int = 0) -> dict[str, np.ndarray]:
    """Each tensor counts from its own start; all numbers are exact in float16."""
    state_dict = {}
    for index, (layer, shape) in enumerate(NARROW.items()):
        count = np.arange(np.prod(shape)) % 2039
        state_dict[f"{layer}.weight"] = (count.reshape(shape) + start + index).astype(dtype)
        state_dict[f"{layer}.bias"] = (np.arange(shape[0]) + start + index).astype(dtype)
    return state_dict


def test_names_map_one_to_one():
    assert [torch_name(name) for name in WEIGHT_NAMES] == list(narrow_state_dict())
    assert torch_name("features_10/kernel") == "features.10.weight"


def test_each_value_lands_where_the_layouts_say():
    state_dict = narrow_state_dict()
    weights = convert_state_dict(state_dict)
    assert tuple(weights) == WEIGHT_NAMES
    for name, array in weights.items():
        given = state_dict[torch_name(name)]
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        expected = np.empty(array.shape, np.float32)
        for index in np.ndindex(array.shape):
            if array.ndim == 4:
                height, width, inputs, outputs = index
                expected[index] = given[outputs, inputs, height, width]
            elif name == "classifier_1/kernel":
                pixel, channel = divmod(index[0], 7)
                expected[index] = given[index[1], channel * 36 + pixel]
            else:
                expected[index] = given[index[::-1]]
        np.testing.assert_array_equal(array, expected, strict=True)


def test_the_first_dense_layer_gives_torch_s_answer():
    state_dict = narrow_state_dict()
    kernel = convert_state_dict(state_dict)["classifier_1/kernel"].astype(np.float64)
    features = np.arange(2 * 7 * 6 * 6, dtype=np.float64).reshape(2, 7, 6, 6)
    in_torch = features.reshape(2, -1) @ state_dict["classifier.1.weight"].astype(np.float64).T
    in_keras = features.transpose(0, 2, 3, 1).reshape(2, -1) @ kernel
    np.testing.assert_allclose(in_keras, in_torch, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_precisions_become_float32(dtype):
    weights, expected = convert_state_dict(narrow_state_dict(dtype)), convert_state_dict(narrow_state_dict())
    for name in WEIGHT_NAMES:
        np.testing.assert_array_equal(weights[name], expected[name], strict=True)


def test_missing_and_left_over_names_are_both_listed():
    state_dict = narrow_state_dict()
    state_dict["fc.weight"] = state_dict.pop("classifier.6.weight")
    state_dict["fc.bias"] = state_dict.pop("classifier.6.bias")
    message = "missing classifier.6.weight, classifier.6.bias; left over fc.weight, fc.bias."
    with pytest.raises(InputError, match=re.escape(message)):
        convert_state_dict(state_dict)
    with pytest.raises(InputError, match=r"missing none; left over extra\. Expected a state_dict of torchvision's"):
        convert_state_dict(narrow_state_dict() | {"extra": np.zeros(1)})


def test_other_architectures_are_refused():
    resnet = [f"layer{block}.{unit}.conv1.weight" for block in range(1, 5) for unit in range(10)]
    with pytest.raises(InputError, match=r"missing features\.0\.weight, .*left over layer1\.0\.conv1.* and 20 more"):
        convert_state_dict({name: np.zeros((2, 2, 3, 3)) for name in resnet})
    vgg = [f"{layer}.weight" for layer in ("features.0", "features.3", "features.6", "features.8", "features.11")]
    with pytest.raises(InputError, match=r"missing features\.0\.bias, .*left over features\.11\.weight"):
        convert_state_dict({name: np.zeros((2, 2, 3, 3)) for name in vgg})


def test_a_hostile_name_cannot_write_to_the_terminal():
    with pytest.raises(InputError) as error:
        convert_state_dict(narrow_state_dict() | {"\x1b[2J\n" + "x" * 10**6: np.zeros(1)})
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("features.0.weight", (2, 1, 11, 11), "(2, 3, 11, 11)"),
        ("features.3.weight", (4, 2, 3, 3), "(4, 2, 5, 5)"),
        ("features.6.weight", (4, 5, 3, 3), "(5, 4, 3, 3)"),
        ("classifier.1.weight", (8, 7), "(8, 252)"),
        ("classifier.4.weight", (8, 9), "(9, 8)"),
        ("classifier.6.weight", (9, 9), "(10, 9)"),
        ("classifier.6.bias", (1, 10), "(10,)"),
        ("features.8.bias", (), "(1,)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(name, shape, expected):
    state_dict = narrow_state_dict() | {name: np.zeros(shape, np.float32)}
    with pytest.raises(InputError, match=re.escape(f"{name} has shape {shape}, expected {expected}")):
        convert_state_dict(state_dict)


def test_empty_layers_are_refused():
    empty = {"classifier.6.weight": np.zeros((0, 9)), "classifier.6.bias": np.zeros(0)}
    with pytest.raises(InputError, match=r"classifier\.6\.bias has shape \(0,\)"):
        convert_state_dict(narrow_state_dict() | empty)


def test_any_number_of_classes_is_accepted():
    head = {"classifier.6.weight": np.zeros((3, 9)), "classifier.6.bias": np.zeros(3)}
    assert convert_state_dict(narrow_state_dict() | head)["classifier_6/kernel"].shape == (9, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_values_that_are_not_finite_are_refused(value):
    state_dict = narrow_state_dict("float64")
    state_dict["features.8.weight"][1, 2, 0, 1] = value
    with pytest.raises(InputError, match=r"features\.8\.weight holds values that are not finite"):
        convert_state_dict(state_dict)


def test_integers_are_refused():
    with pytest.raises(InputError, match=r"features\.0\.weight holds int32, expected floating-point"):
        convert_state_dict(narrow_state_dict("int32"))


def test_every_file_format_gives_the_same_weights(checkpoints, tmp_path):
    expected = convert_state_dict(narrow_state_dict())
    save_weights(tmp_path / "converted.npz", expected)
    paths = [tmp_path / "converted.npz"]
    for form, dtype, name in [("zip", "float16", "a.pth"), ("legacy", "float32", "b.pt"), ("zip", "float64", "c.pt")]:
        paths.append(checkpoints.write_arrays(tmp_path / name, form, narrow_state_dict(dtype)))
    for path in paths:
        weights = load_pretrained(path)
        assert tuple(weights) == WEIGHT_NAMES
        for name in WEIGHT_NAMES:
            np.testing.assert_array_equal(weights[name], expected[name], strict=True)


def test_errors_name_the_file(checkpoints, tmp_path):
    other = {"fc.weight": np.zeros((2, 2), np.float32)}
    np.savez(tmp_path / "other.npz", **other)
    paths = [tmp_path / "other.npz", checkpoints.write_arrays(tmp_path / "other.pth", "zip", other)]
    for path in paths:
        with pytest.raises(InputError, match=re.escape(f"{path}: not AlexNet's weights: missing features")):
            load_pretrained(path)


@pytest.mark.parametrize("name", ["weights.h5", "weights", "weights.pkl"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}: expected weights in a \.pth, \.pt or \.npz file"):
        load_pretrained(tmp_path / name)


@pytest.mark.parametrize("name", ["absent.npz", "absent.pth"])
def test_absent_files_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: no such file"):
        load_pretrained(tmp_path / name)


def test_keras_shapes_of_npz_files_are_checked():
    weights = convert_state_dict(narrow_state_dict())
    weights["features_3/kernel"] = weights["features_3/kernel"].transpose(3, 2, 0, 1)
    with pytest.raises(InputError, match=r"features_3/kernel has shape \(4, 2, 5, 5\), expected \(5, 5, 2, 4\)"):
        check_weights(weights)


def test_hostile_npz_files_are_refused(tmp_path):
    path = tmp_path / "w.npz"
    weights = convert_state_dict(narrow_state_dict())
    np.savez_compressed(path, **weights)
    with pytest.raises(InputError, match=r"w\.npz: cannot be read as converted weights: .*compressed"):
        load_pretrained(path)
    np.savez(path, **(weights | {"features_0/bias": np.array([print, None])}))
    with pytest.raises(InputError, match=r"w\.npz: cannot be read .*Object arrays cannot be loaded"):
        load_pretrained(path)
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**50,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features_0/bias.npy", stream.getvalue())
    with pytest.raises(InputError, match=r"w\.npz: cannot be read"):
        load_pretrained(path)


def test_truncated_npz_files_are_refused(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(path, convert_state_dict(narrow_state_dict()))
    content = path.read_bytes()
    for length in range(0, len(content), len(content) // 50):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"w\.npz"):
            load_pretrained(path)


def test_damaged_npz_files_give_an_error_or_weights(tmp_path):
    path = tmp_path / "w.npz"
    save_weights(path, convert_state_dict(narrow_state_dict()))
    content = path.read_bytes()
    for position in [*range(300), *range(len(content) - 600, len(content))]:
        damaged = bytearray(content)
        damaged[position] ^= (0xFF, 0x01, 0x80)[position % 3]
        path.write_bytes(damaged)
        try:
            weights = load_pretrained(path)
        except InputError:
            continue
        assert tuple(weights) == WEIGHT_NAMES


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "w.npz"
    weights = convert_state_dict(narrow_state_dict())
    save_weights(path, weights)
    content = path.read_bytes()
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_weights(path, weights | {"features_10/bias": np.array([None])})
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_unusable_targets_are_named(tmp_path):
    weights = convert_state_dict(narrow_state_dict())
    with pytest.raises(InputError, match=r"w\.h5: expected a name that ends in \.npz"):
        save_weights(tmp_path / "w.h5", weights)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"w\.npz: cannot be written: .*Choose another place"):
        save_weights(tmp_path / "file" / "w.npz", weights)


def test_fingerprint_depends_on_names_shapes_and_values_alone():
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


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/absent.pth":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 100 if self.path == "/partial.pth" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as local:
        thread = threading.Thread(target=local.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{local.server_port}"
        local.shutdown()
        thread.join()


def test_downloads_once_and_keeps_the_file(server, tmp_path):
    cache, url = tmp_path / "new" / "cache", f"{server}/w.pth"
    path = imagenet_weights(cache, url, CONTENT_SHA256)
    assert path == cache / "w.pth"
    assert path.read_bytes() == CONTENT
    assert list(cache.iterdir()) == [path]
    # The same name at a server that is not there: only the cache can answer.
    assert imagenet_weights(cache, "http://127.0.0.1:9/w.pth", CONTENT_SHA256) == path


def test_a_damaged_cached_file_is_replaced(server, tmp_path):
    (tmp_path / "w.pth").write_bytes(CONTENT[:-1])
    assert imagenet_weights(tmp_path, f"{server}/w.pth", CONTENT_SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "expected_sha256", "reason"),
    [
        ("w.pth", "0" * 64, f"has SHA-256 {CONTENT_SHA256}, expected {'0' * 64}"),
        ("partial.pth", CONTENT_SHA256, ""),
        ("absent.pth", CONTENT_SHA256, "404"),
    ],
)
def test_a_failed_download_leaves_nothing(server, tmp_path, name, expected_sha256, reason):
    ways_out = r"--weights=PATH \(\.pth or \.npz\), or do without by --weights=none"
    with pytest.raises(InputError, match=f"{server}/{name}: .*cannot be downloaded .*{reason}.*{ways_out}"):
        imagenet_weights(tmp_path, f"{server}/{name}", expected_sha256)
    assert not list(tmp_path.iterdir())


def test_without_network_the_ways_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match=r"refused.*--weights=PATH.*--weights=none"):
        imagenet_weights(tmp_path, f"http://127.0.0.1:{port}/w.pth", CONTENT_SHA256)


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/w.pth"
        with pytest.raises(InputError, match=r"no answer within|timed out"):
            imagenet_weights(tmp_path, url, CONTENT_SHA256, connect_seconds=0.2)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be downloaded to .*file/w\.pth"):
        imagenet_weights(tmp_path / "file", "http://127.0.0.1:9/w.pth", CONTENT_SHA256)


@pytest.mark.skipif(
    not REAL_CHECKPOINT.is_file(), reason=f"needs the real checkpoint {REAL_CHECKPOINT.name} in ../shared/weights"
)
def test_converts_the_real_checkpoint():
    from tfp_insects.models.torch_file import read_state_dict

    state_dict, weights = read_state_dict(REAL_CHECKPOINT), load_pretrained(REAL_CHECKPOINT)
    assert weights["features_0/kernel"].shape == (11, 11, 3, 64)
    assert weights["classifier_6/kernel"].shape == (4096, 190)
    assert sum(array.size for array in weights.values()) == 57_003_840 + 190 * 4097
    assert {array.dtype.name for array in weights.values()} == {"float32"}
    assert weights["features_3/kernel"][1, 4, 60, 190] == state_dict["features.3.weight"][190, 60, 1, 4]
    row, column, channel = 2, 5, 200
    flattened = (row * 6 + column) * 256 + channel
    assert (
        weights["classifier_1/kernel"][flattened, 4000]
        == (state_dict["classifier.1.weight"][4000, channel * 36 + row * 6 + column])
    )
    assert weights["classifier_6/kernel"][4095, 7] == state_dict["classifier.6.weight"][7, 4095]
    assert weights["classifier_6/bias"][189] == state_dict["classifier.6.bias"][189]
