"""The conversion of EfficientNet-Lite0's weights: where each value lands, and which state_dicts are refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from golden.make_lite_outputs import invented_lite_weights

from tfp_insects.errors import InputError
from tfp_insects.models.architectures.efficientnet_lite0 import ARCHITECTURE as LITE
from tfp_insects.models.efficientnet_lite.weights_layout import (
    WEIGHT_NAMES,
    check_weights,
    convert_state_dict,
    torch_name,
)
from tfp_insects.models.pretrained_files import load_pretrained, save_weights

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def state_dict() -> Arrays:
    """A narrow network whose every kernel and vector counts from its own start; variances are positive."""
    shapes = {name: array.shape for name, array in invented_lite_weights().items()}
    return {
        name: (np.arange(np.prod(shape)) + i).reshape(shape).astype(np.float32)
        for i, (name, shape) in enumerate(shapes.items())
    }


def without_counters(state_dict: Arrays) -> Arrays:
    return {name: array for name, array in state_dict.items() if not name.endswith("num_batches_tracked")}


def test_names_map_one_to_one(state_dict: Arrays) -> None:
    assert sorted(torch_name(name) for name in WEIGHT_NAMES) == sorted(without_counters(state_dict))
    assert torch_name("blocks_12_bn0/moving_variance") == "_blocks.12._bn0.running_var"
    assert torch_name("conv_stem/kernel") == "_conv_stem.weight"


def test_each_value_lands_where_the_layouts_say(state_dict: Arrays) -> None:
    weights = convert_state_dict(state_dict)
    assert tuple(weights) == WEIGHT_NAMES
    for name, array in weights.items():
        given = state_dict[torch_name(name)]
        expected = np.empty(array.shape, np.float32)
        for index in np.ndindex(array.shape):
            if name.endswith("depthwise_kernel"):
                height, width, channel, one = index
                expected[index] = given[channel, one, height, width]
            elif array.ndim == 4:
                height, width, inputs, outputs = index
                expected[index] = given[outputs, inputs, height, width]
            else:
                expected[index] = given[index[::-1]]
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, expected, strict=True)


def test_counters_of_batches_may_be_there_or_not(state_dict: Arrays) -> None:
    converted = convert_state_dict(without_counters(state_dict))
    for name, array in convert_state_dict(state_dict).items():
        np.testing.assert_array_equal(converted[name], array)
    with pytest.raises(InputError, match=r"left over _fc\.num_batches_tracked\. Expected"):
        convert_state_dict(state_dict | {"_fc.num_batches_tracked": np.array(1)})


def test_missing_and_left_over_names_are_both_listed(state_dict: Arrays) -> None:
    others = dict(state_dict)
    others["fc.weight"] = others.pop("_fc.weight")
    message = (
        "not EfficientNet-Lite0's weights: missing _fc.weight; left over fc.weight. Expected a state_dict of "
        "efficientnet-lite-pytorch"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        convert_state_dict(others)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("_conv_stem.weight", (4, 1, 3, 3), "(4, 3, 3, 3)"),
        ("_blocks.3._depthwise_conv.weight", (18, 1, 3, 3), "(18, 1, 5, 5)"),
        ("_blocks.3._expand_conv.weight", (18, 3), "(18, 3, 1, 1)"),
        ("_blocks.3._bn1.running_var", (17,), "(18,)"),
        ("_conv_head.weight", (160, 41, 1, 1), "(160, 40, 1, 1)"),
        ("_fc.weight", (160, 7), "(7, 160)"),
        ("_fc.bias", (), "(1,)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(state_dict: Arrays, name: str, shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{name} has shape {shape}, expected {expected}")):
        convert_state_dict(state_dict | {name: np.zeros(shape, np.float32)})


def test_values_that_no_network_has_are_refused(state_dict: Arrays) -> None:
    with pytest.raises(InputError, match=r"_bn0\.running_var holds negative numbers, expected variances"):
        convert_state_dict(state_dict | {"_bn0.running_var": np.float32([1, 2, -1e-9, 1])})
    with pytest.raises(InputError, match=r"_bn0\.bias holds values that are not finite"):
        convert_state_dict(state_dict | {"_bn0.bias": np.float32([1, 2, np.nan, 1])})


def test_converted_files_are_read_and_their_shapes_checked(state_dict: Arrays, tmp_path: Path) -> None:
    weights = convert_state_dict(state_dict)
    save_weights(tmp_path / "lite.npz", weights)
    for name, array in load_pretrained(tmp_path / "lite.npz", LITE).items():
        np.testing.assert_array_equal(array, weights[name], strict=True)
    kernel = weights["blocks_3_depthwise_conv/depthwise_kernel"].transpose(0, 1, 3, 2)
    with pytest.raises(InputError, match=re.escape("has shape (5, 5, 1, 18), expected (5, 5, 18, 1)")):
        check_weights(weights | {"blocks_3_depthwise_conv/depthwise_kernel": kernel})


def test_the_published_file_is_converted_whole(published_path: Path) -> None:
    weights = load_pretrained(published_path, LITE)
    assert tuple(weights) == WEIGHT_NAMES
    statistics = sum(array.size for name, array in weights.items() if "moving" in name)
    assert sum(array.size for array in weights.values()) - statistics == 4_652_008
    assert weights["fc/kernel"].shape == (1280, 1000)
