"""The conversion of torchvision's AlexNet: where each value lands, and which state_dicts are refused."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.weights_layout import (
    WEIGHT_NAMES,
    check_weights,
    convert_state_dict,
    torch_name,
)
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.pretrained_files import load_pretrained
from tfp_insects.models.torch_files.checkpoint import read_state_dict


def test_names_map_one_to_one(narrow_state_dict: Callable) -> None:
    assert [torch_name(name) for name in WEIGHT_NAMES] == list(narrow_state_dict())
    assert torch_name("features_10/kernel") == "features.10.weight"


def test_each_value_lands_where_the_layouts_say(narrow_state_dict: Callable) -> None:
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


def test_the_first_dense_layer_gives_torch_s_answer(narrow_state_dict: Callable) -> None:
    state_dict = narrow_state_dict()
    kernel = convert_state_dict(state_dict)["classifier_1/kernel"].astype(np.float64)
    features = np.arange(2 * 7 * 6 * 6, dtype=np.float64).reshape(2, 7, 6, 6)
    in_torch = features.reshape(2, -1) @ state_dict["classifier.1.weight"].astype(np.float64).T
    in_keras = features.transpose(0, 2, 3, 1).reshape(2, -1) @ kernel
    np.testing.assert_allclose(in_keras, in_torch, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_precisions_become_float32(narrow_state_dict: Callable, dtype: str) -> None:
    weights, expected = convert_state_dict(narrow_state_dict(dtype)), convert_state_dict(narrow_state_dict())
    for name in WEIGHT_NAMES:
        np.testing.assert_array_equal(weights[name], expected[name], strict=True)


def test_missing_and_left_over_names_are_both_listed(narrow_state_dict: Callable) -> None:
    state_dict = narrow_state_dict()
    state_dict["fc.weight"] = state_dict.pop("classifier.6.weight")
    state_dict["fc.bias"] = state_dict.pop("classifier.6.bias")
    message = "missing classifier.6.weight, classifier.6.bias; left over fc.weight, fc.bias."
    with pytest.raises(InputError, match=re.escape(message)):
        convert_state_dict(state_dict)
    with pytest.raises(InputError, match=r"missing none; left over extra\. Expected a state_dict of torchvision's"):
        convert_state_dict(narrow_state_dict() | {"extra": np.zeros(1)})


def test_other_architectures_are_refused() -> None:
    resnet = [f"layer{block}.{unit}.conv1.weight" for block in range(1, 5) for unit in range(10)]
    with pytest.raises(InputError, match=r"missing features\.0\.weight, .*left over layer1\.0\.conv1.* and 20 more"):
        convert_state_dict({name: np.zeros((2, 2, 3, 3)) for name in resnet})
    vgg = [f"{layer}.weight" for layer in ("features.0", "features.3", "features.6", "features.8", "features.11")]
    with pytest.raises(InputError, match=r"missing features\.0\.bias, .*left over features\.11\.weight"):
        convert_state_dict({name: np.zeros((2, 2, 3, 3)) for name in vgg})


def test_a_hostile_name_cannot_write_to_the_terminal(narrow_state_dict: Callable) -> None:
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
def test_shapes_that_do_not_fit_are_named(
    narrow_state_dict: Callable, name: str, shape: tuple[int, ...], expected: str
) -> None:
    state_dict = narrow_state_dict() | {name: np.zeros(shape, np.float32)}
    with pytest.raises(InputError, match=re.escape(f"{name} has shape {shape}, expected {expected}")):
        convert_state_dict(state_dict)


def test_empty_layers_are_refused(narrow_state_dict: Callable) -> None:
    empty = {"classifier.6.weight": np.zeros((0, 9)), "classifier.6.bias": np.zeros(0)}
    with pytest.raises(InputError, match=r"classifier\.6\.bias has shape \(0,\)"):
        convert_state_dict(narrow_state_dict() | empty)


def test_any_number_of_classes_is_accepted(narrow_state_dict: Callable) -> None:
    head = {"classifier.6.weight": np.zeros((3, 9)), "classifier.6.bias": np.zeros(3)}
    assert convert_state_dict(narrow_state_dict() | head)["classifier_6/kernel"].shape == (9, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_values_that_are_not_finite_are_refused(narrow_state_dict: Callable, value: float) -> None:
    state_dict = narrow_state_dict("float64")
    state_dict["features.8.weight"][1, 2, 0, 1] = value
    with pytest.raises(InputError, match=r"features\.8\.weight holds values that are not finite"):
        convert_state_dict(state_dict)


def test_integers_are_refused(narrow_state_dict: Callable) -> None:
    with pytest.raises(InputError, match=r"features\.0\.weight holds int32, expected floating-point"):
        convert_state_dict(narrow_state_dict("int32"))


def test_keras_shapes_of_npz_files_are_checked(narrow_state_dict: Callable) -> None:
    weights = convert_state_dict(narrow_state_dict())
    weights["features_3/kernel"] = weights["features_3/kernel"].transpose(3, 2, 0, 1)
    with pytest.raises(InputError, match=r"features_3/kernel has shape \(4, 2, 5, 5\), expected \(5, 5, 2, 4\)"):
        check_weights(weights)


def test_converts_the_real_checkpoint(real_checkpoint: Path) -> None:
    state_dict, weights = read_state_dict(real_checkpoint), load_pretrained(real_checkpoint, ALEXNET)
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
