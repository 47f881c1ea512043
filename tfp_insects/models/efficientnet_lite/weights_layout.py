"""EfficientNet-Lite0 as a set of named arrays: which there must be, of which shapes, and how they become Keras's.

Layers are called as in the table (`blocks_3_bn0`), and their arrays as attributes of Keras' layers. What the PyTorch package
`efficientnet-lite-pytorch` calls `_blocks.3._bn0.running_var` is `blocks_3_bn0/moving_variance` here. Where the two layouts
differ:

- a convolution's kernel is [out, in, height, width] in torch, [height, width, in, out] in Keras;
- a depthwise kernel is [channels, 1, height, width] in torch, [height, width, channels, 1] in Keras;
- a dense kernel is [out, in] in torch, [in, out] in Keras.

Torch counts the batches that batch normalisation has seen (`num_batches_tracked`), which nothing here needs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.models.efficientnet_lite.table import LAYERS, Kind
from tfp_insects.models.state_dict_checks import check_names, finite_float32

# Of each kind of layer: Keras' name of an array -> torch's, in Keras' order.
PARTS: Mapping[Kind, Mapping[str, str]] = {
    "convolution": {"kernel": "weight"},
    "depthwise": {"depthwise_kernel": "weight"},
    "normalisation": {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    },
    "dense": {"kernel": "weight", "bias": "bias"},
}
WEIGHT_NAMES = tuple(f"{layer.name}/{part}" for layer in LAYERS for part in PARTS[layer.kind])
_TORCH_PARTS = {part: torch for parts in PARTS.values() for part, torch in parts.items()}
Shape = tuple[int, ...]


def torch_name(name: str) -> str:
    """Returns the PyTorch package's name of a weight: '_blocks.3._bn0.running_var' of 'blocks_3_bn0/moving_variance'."""
    layer, part = name.split("/")
    return f"{_torch_layer(layer)}.{_TORCH_PARTS[part]}"


def convert_state_dict(state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts a state_dict of the PyTorch package's `efficientnet-lite0` into Keras layout.

    Any widths are accepted that fit together, and any number of classes.

    Args:
        state_dict: The package's names -> arrays of any floating-point type.

    Returns:
        WEIGHT_NAMES in order -> float32.

    Raises:
        InputError: Names are missing or left over, shapes are another network's, a value is not finite, or a variance is
            negative.
    """
    counters = {f"{_torch_layer(layer.name)}.num_batches_tracked" for layer in LAYERS if layer.kind == "normalisation"}
    counted = {name: array for name, array in state_dict.items() if name not in counters}
    arrays = _checked(counted, torch_name, _in_torch)
    return {name: np.ascontiguousarray(_to_keras(name, array)) for name, array in arrays.items()}


def check_weights(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Checks weights in Keras layout as `convert_state_dict` checks a state_dict.

    Args:
        weights: Names of WEIGHT_NAMES -> arrays of any floating-point type, in Keras layout.

    Returns:
        The same as float32, in the order of WEIGHT_NAMES.

    Raises:
        InputError: See `convert_state_dict`.
    """
    return _checked(weights, lambda name: name, lambda name, shape: shape)


def _torch_layer(name: str) -> str:
    match = re.fullmatch(r"blocks_(\d+)_(\w+)", name)
    return f"_blocks.{match[1]}._{match[2]}" if match else f"_{name}"


def _to_keras(name: str, array: np.ndarray) -> np.ndarray:
    if name.endswith("/depthwise_kernel"):
        return array.transpose(2, 3, 0, 1)
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.transpose()


def _in_torch(name: str, shape: Shape) -> Shape:
    """Torch's shape of a weight, of its shape in Keras."""
    if name.endswith("/depthwise_kernel"):
        return (*shape[2:], *shape[:2])
    return (*shape[:-3:-1], *shape[:-2])


def _checked(
    arrays: Mapping[str, np.ndarray], given_name: Callable[[str], str], given_shape: Callable[[str, Shape], Shape]
) -> dict[str, np.ndarray]:
    """Returns the arrays under our names as float32, in their own layout, if they are this network's.

    Args:
        arrays: Given name -> array.
        given_name: The given name of ours.
        given_shape: The given shape of a weight (of our name) with a shape in Keras.
    """
    check_names(arrays, [given_name(name) for name in WEIGHT_NAMES], "EfficientNet-Lite0", "efficientnet-lite-pytorch")
    named = {name: arrays[given_name(name)] for name in WEIGHT_NAMES}
    problems = [
        f"{given_name(name)} has shape {named[name].shape}, expected {given_shape(name, shape)}"
        for name, shape in _expected_shapes(named)
        if named[name].shape != given_shape(name, shape) or not named[name].size
    ]
    if problems:
        raise InputError(f"not EfficientNet-Lite0's shapes: {'; '.join(problems[:3])}")
    finite = {name: finite_float32(given_name(name), array) for name, array in named.items()}
    _refuse_negative_variances((given_name(name), array) for name, array in finite.items() if "variance" in name)
    return finite


def _expected_shapes(named: Mapping[str, np.ndarray]) -> Iterator[tuple[str, Shape]]:
    """Each name and its shape in Keras; a layer's width is the size of the vector that follows its kernel."""
    inputs = 3
    for layer, following in zip(LAYERS, [*LAYERS[1:], LAYERS[-1]], strict=True):
        size = (layer.kernel_size, layer.kernel_size)
        if layer.kind == "convolution":
            width = named[f"{following.name}/gamma"].size
            yield f"{layer.name}/kernel", (*size, inputs, width)
            inputs = width
        elif layer.kind == "depthwise":
            yield f"{layer.name}/depthwise_kernel", (*size, inputs, 1)
        elif layer.kind == "normalisation":
            yield from ((f"{layer.name}/{part}", (inputs,)) for part in PARTS["normalisation"])
        else:
            width = named[f"{layer.name}/bias"].size
            yield from ((f"{layer.name}/kernel", (inputs, width)), (f"{layer.name}/bias", (width,)))


def _refuse_negative_variances(variances: Iterable[tuple[str, np.ndarray]]) -> None:
    for name, array in variances:
        if (array < 0.0).any():
            raise InputError(f"{name} holds negative numbers, expected variances")
