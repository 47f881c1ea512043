"""Writes what PyTorch answers, so that tests can ask for it where PyTorch is not installed.

    python tests/golden/make_torch_outputs.py

`alexnet.npz` has the outputs of a narrow AlexNet whose weights and images follow from a formula; `zipped.pth` and
`legacy.pth` are checkpoints in the two formats of `torch.save`, and `arrays.npz` what they hold. Made with torch 2.13.0;
tests compare these files with the PyTorch that is installed, if one is.
"""

import collections
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
OUTPUTS, ARRAYS = FOLDER / "alexnet.npz", FOLDER / "arrays.npz"
CHECKPOINTS = {"zipped": FOLDER / "zipped.pth", "legacy": FOLDER / "legacy.pth"}
NUM_CLASSES, WIDTH_MULTIPLIER = 7, 0.05
IMAGE_SIZES = (63, 95, 130, 224, 300)
POOLED_IMAGE_SIZE = 224


def widths(width_multiplier: float) -> list[int]:
    """Channels of the five convolutions, and units of the first two dense layers."""
    return [max(1, round(width * width_multiplier)) for width in (64, 192, 384, 256, 256, 4096)]


def invented_weights(num_classes: int, width_multiplier: float) -> dict[str, np.ndarray]:
    """A state_dict of torchvision's AlexNet: uniform kernels of He's scale and biases within 0.1, float32."""
    a, b, c, d, e, wide = widths(width_multiplier)
    shapes = {
        "features.0": (a, 3, 11, 11),
        "features.3": (b, a, 5, 5),
        "features.6": (c, b, 3, 3),
        "features.8": (d, c, 3, 3),
        "features.10": (e, d, 3, 3),
        "classifier.1": (wide, e * 36),
        "classifier.4": (wide, wide),
        "classifier.6": (num_classes, wide),
    }
    weights = {}
    for seed, (name, shape) in enumerate(shapes.items()):
        limit = np.sqrt(6 / np.prod(shape[1:]))
        weights[f"{name}.weight"] = (limit * uniform(shape, 2 * seed)).astype(np.float32)
        weights[f"{name}.bias"] = (0.1 * uniform(shape[:1], 2 * seed + 1)).astype(np.float32)
    return weights


def invented_images(image_size: int) -> np.ndarray:
    """Two images as a model gets them: float32 [2, image_size, image_size, 3], within 2."""
    return (2 * uniform((2, image_size, image_size, 3), seed=100)).astype(np.float32)


def uniform(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers in [-1, 1), float64: MurmurHash3's last steps on 1, 2, 3, ...; the same in every version of NumPy."""
    values = np.arange(1, np.prod(shape) + 1, dtype=np.uint32) + np.uint32(seed * 0x9E3779B9 % 2**32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        values = (values ^ (values >> np.uint32(shift))) * np.uint32(factor)
    return (values / 2**31 - 1).reshape(shape)


def torch_alexnet(num_classes: int, width_multiplier: float = 1.0) -> Any:
    """torchvision's alexnet in evaluation mode, under the names of its state_dict."""
    from torch import nn

    a, b, c, d, e, wide = widths(width_multiplier)
    features = nn.Sequential(
        *[nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)],
        *[nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)],
        *[nn.Conv2d(b, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, d, 3, padding=1), nn.ReLU()],
        *[nn.Conv2d(d, e, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)],
    )
    classifier = nn.Sequential(
        *[nn.Dropout(), nn.Linear(e * 36, wide), nn.ReLU()],
        *[nn.Dropout(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, num_classes)],
    )
    modules = {"features": features, "avgpool": nn.AdaptiveAvgPool2d(6), "flatten": nn.Flatten()}
    return nn.Sequential(collections.OrderedDict(modules, classifier=classifier)).eval()


def torch_outputs(network: Any, images: np.ndarray) -> np.ndarray:
    """What a network or a part of it answers to images [batch, height, width, channels]."""
    import torch

    with torch.no_grad():
        return network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


def alexnet_outputs() -> dict[str, np.ndarray]:
    """Logits [2, 7] of each image size, and the pooled features [2, 6, 6, channels] of one of them."""
    import torch

    network = torch_alexnet(NUM_CLASSES, WIDTH_MULTIPLIER)
    weights = invented_weights(NUM_CLASSES, WIDTH_MULTIPLIER)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    outputs = {f"logits_{size}": torch_outputs(network, invented_images(size)) for size in IMAGE_SIZES}
    pooled = torch_outputs(network[:2], invented_images(POOLED_IMAGE_SIZE))
    return outputs | {"pooled": pooled.transpose(0, 2, 3, 1)}


def state_dict() -> dict[str, Any]:
    """Tensors of all types and of all ways to lie in memory that a checkpoint can have."""
    import torch

    base = torch.arange(60.0).reshape(3, 4, 5)
    names = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
    return {name: base.to(getattr(torch, name)) for name in names} | {
        "transposed": base.permute(2, 0, 1),
        "part": base[1:, ::2, 3],
        "scalar": base.sum(),
        "channels_last": torch.arange(48.0).reshape(2, 4, 2, 3).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(base),
        "empty": torch.zeros(0, 3),
    }


def as_array(tensor: Any) -> np.ndarray:
    """A tensor's numbers in its own type, or in float32 where NumPy has no such type."""
    tensor = tensor.detach()
    return tensor.float().numpy() if str(tensor.dtype) == "torch.bfloat16" else tensor.numpy()


def main() -> None:
    """Writes all files."""
    import torch

    np.savez_compressed(OUTPUTS, **alexnet_outputs())
    tensors = state_dict()
    for form, path in CHECKPOINTS.items():
        torch.save(tensors, path, _use_new_zipfile_serialization=form == "zipped")
    np.savez_compressed(ARRAYS, **{name: as_array(tensor) for name, tensor in tensors.items()})


if __name__ == "__main__":
    main()
