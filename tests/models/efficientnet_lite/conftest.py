"""The published weights, and narrow ones with the network that has them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from golden import make_lite_outputs as golden

from tfp_insects.errors import InputError
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.efficientnet_lite0 import ARCHITECTURE as LITE
from tfp_insects.models.architectures.efficientnet_lite0 import PACKAGE
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.efficientnet_lite.weights_layout import convert_state_dict
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.pretrained_packages import packaged_weights


@pytest.fixture(scope="session")
def published_path() -> Path:
    """The file of the published weights; skips where its package is not installed."""
    try:
        return packaged_weights(PACKAGE)
    except InputError as error:
        if "not installed" not in str(error):
            raise
        pytest.skip("needs the published weights, which only the lite extra installs")


@pytest.fixture
def require_reference() -> None:
    """Skips where PyTorch or the package with its EfficientNet-Lite is not installed."""
    for name in ("torch", "efficientnet_lite_pytorch"):
        pytest.importorskip(
            name, reason="compares with efficientnet-lite-pytorch, which only the parity extra installs"
        )


@pytest.fixture(scope="session")
def narrow_weights() -> dict[str, np.ndarray]:
    """The weights of the golden file, in Keras layout."""
    return convert_state_dict(golden.invented_lite_weights())


@pytest.fixture(scope="session")
def narrow_cnn(narrow_weights: dict[str, np.ndarray]) -> Callable[[int], tf_keras.Model]:
    """Returns a function from an image size to the network of the golden file."""
    return functools.cache(lambda size: with_head(narrow_weights, size, golden.WIDTH_MULTIPLIER))


def with_head(weights: dict[str, np.ndarray], image_size: int, width_multiplier: float = 1.0) -> Any:
    """Our CNN with all of these weights, those of the head too."""
    spec = NetworkSpec(LITE, len(weights["fc/bias"]), image_size, width_multiplier)
    model = build_cnn(spec, seed=0, dropout=0.0)
    start_at(model, weights, LITE)
    model.get_layer("fc").set_weights([weights["fc/kernel"], weights["fc/bias"]])
    return model


@pytest.fixture
def cnn_with_head() -> Callable[..., Any]:
    return with_head
