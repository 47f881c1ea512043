"""torchvision's AlexNet as a set of named arrays: which there must be, of which shapes, and how they become Keras's.

Layers are called as in the models (`features_0`); torchvision's `features.0.weight` is `features_0/kernel` here. Where
the two layouts differ:

- a convolution's kernel is [out, in, height, width] (OIHW) in torch, [height, width, in, out] (HWIO) in Keras;
- a dense kernel is [out, in] in torch, [in, out] in Keras;
- torch flattens the 6 x 6 feature map channel first, Keras channel last, so that classifier_1's inputs change places.
"""

from collections.abc import Mapping

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.table import CONVOLUTIONS, DENSE_LAYERS, FEATURE_MAP_SIZE
from tfp_insects.models.state_dict_checks import check_names, finite_float32

KERNEL_SIZES = {row.name: row.kernel_size for row in CONVOLUTIONS}
LAYERS = (*KERNEL_SIZES, *(row.name for row in DENSE_LAYERS))
WEIGHT_NAMES = tuple(f"{layer}/{part}" for layer in LAYERS for part in ("kernel", "bias"))
FIRST_DENSE = DENSE_LAYERS[0].name  # It sees the feature map.


def torch_name(name: str) -> str:
    """Returns torchvision's name of a weight: 'features.0.weight' of 'features_0/kernel'."""
    layer, part = name.split("/")
    return f"{layer.replace('_', '.')}.{'weight' if part == 'kernel' else part}"


def convert_state_dict(state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts a state_dict of torchvision's AlexNet into Keras layout.

    Any widths are accepted that fit together, and any number of classes.

    Args:
        state_dict: torchvision's names -> arrays of any floating-point type.

    Returns:
        WEIGHT_NAMES in order -> float32: kernels [height, width, in, out] or [in, out], biases [out].

    Raises:
        InputError: names are missing or left over, shapes are not AlexNet's, a value is not finite.
    """
    arrays = _checked(state_dict, {torch_name(name): name for name in WEIGHT_NAMES}, in_torch=True)
    return {name: np.ascontiguousarray(_to_keras(name, array)) for name, array in arrays.items()}


def check_weights(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Checks weights in Keras layout as `convert_state_dict` checks a state_dict.

    Args:
        weights: names of WEIGHT_NAMES -> arrays of any floating-point type, in Keras layout.

    Returns:
        The same as float32, in the order of WEIGHT_NAMES.

    Raises:
        InputError: names are missing or left over, shapes are not AlexNet's, a value is not finite.
    """
    return _checked(weights, {name: name for name in WEIGHT_NAMES}, in_torch=False)


def _to_keras(name: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if name == f"{FIRST_DENSE}/kernel":
        out = array.shape[0]
        channels_first = array.reshape(out, -1, FEATURE_MAP_SIZE, FEATURE_MAP_SIZE)
        return channels_first.transpose(2, 3, 1, 0).reshape(-1, out)
    return array.transpose()


def _checked(arrays: Mapping[str, np.ndarray], names: Mapping[str, str], *, in_torch: bool) -> dict[str, np.ndarray]:
    """Returns the arrays under our names as float32, in their own layout, if they are AlexNet's.

    Args:
        arrays: given name -> array.
        names: expected name -> our name (of WEIGHT_NAMES).
        in_torch: whether the kernels are in torch's layout.
    """
    check_names(arrays, names, "AlexNet", "torchvision's AlexNet")
    named = {ours: arrays[given] for given, ours in names.items()}
    shapes = _expected_shapes({layer: named[f"{layer}/bias"].size for layer in LAYERS})
    if in_torch:
        shapes = {name: (*shape[:-3:-1], *shape[:-2]) for name, shape in shapes.items()}
    problems = [
        f"{given} has shape {arrays[given].shape}, expected {shapes[ours]}"
        for given, ours in names.items()
        if arrays[given].shape != shapes[ours] or not arrays[given].size
    ]
    if problems:
        raise InputError(f"not AlexNet's shapes: {'; '.join(problems)}")
    return {ours: finite_float32(given, arrays[given]) for given, ours in names.items()}


def _expected_shapes(widths: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Returns AlexNet's shapes in Keras layout, for `widths` outputs of each layer (the lengths of the biases)."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for layer, width in widths.items():
        if layer == FIRST_DENSE:
            inputs *= FEATURE_MAP_SIZE**2
        spatial = (KERNEL_SIZES[layer],) * 2 if layer in KERNEL_SIZES else ()
        shapes[f"{layer}/kernel"] = (*spatial, inputs, width)
        shapes[f"{layer}/bias"] = (width,)
        inputs = width
    return shapes
