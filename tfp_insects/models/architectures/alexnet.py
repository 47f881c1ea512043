"""torchvision's AlexNet."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfp_insects.data.imagenet import IMAGENET_MEAN, IMAGENET_STD
from tfp_insects.models.alexnet import table, weights_layout
from tfp_insects.models.architecture import Architecture, ImageStatistics, MakeDropout, NetworkSpec
from tfp_insects.models.pretrained_files import imagenet_weights, load_pretrained

if TYPE_CHECKING:
    import tf_keras

# Published beside the weights by torchvision (AlexNet_Weights.IMAGENET1K_V1).
URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
SHA256 = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"


class AlexNet(Architecture):
    """Five convolutions and three dense layers (Krizhevsky 2014), 61 million parameters."""

    name = "alexnet"
    label = "AlexNet"
    image_size = 227
    min_image_size = table.MIN_IMAGE_SIZE
    statistics = ImageStatistics(IMAGENET_MEAN, IMAGENET_STD)
    hidden = tuple(row.name for row in table.DENSE_LAYERS[:-1])
    head = table.HEAD
    weights_licence = (
        "Started at torchvision's AlexNet weights (BSD-3-Clause code) trained on ImageNet, whose images are for "
        "non-commercial research."
    )

    def build(self, spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None = None) -> "tf_keras.Sequential":
        """Stacks the layers of the table."""
        from tfp_insects.models.alexnet.network import build_alexnet

        return build_alexnet(spec, seed, make_dropout)

    def published_weights(self, cache_dir: Path, width_multiplier: float = 1.0) -> dict[str, np.ndarray]:
        """Downloads torchvision's file, or finds it in the cache."""
        self.require_published_width(width_multiplier)
        return load_pretrained(imagenet_weights(cache_dir, URL, SHA256), self)

    def convert_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Converts a state_dict of torchvision's AlexNet, whatever its widths."""
        return weights_layout.convert_state_dict(state_dict)

    def check_weights(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Checks names, shapes and values."""
        return weights_layout.check_weights(weights)

    def torch_name(self, name: str) -> str:
        """`features.0.weight` of `features_0/kernel`."""
        return weights_layout.torch_name(name)


ARCHITECTURE = AlexNet()
