"""EfficientNet-Lite0 against PyTorch: the same float32 tensor through both, live and as stored in a golden file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import make_lite_outputs as golden
from golden.make_torch_outputs import invented_images, torch_outputs

from tfp_insects.models.architectures.efficientnet_lite0 import ARCHITECTURE as LITE
from tfp_insects.models.pretrained_files import load_pretrained
from tfp_insects.models.torch_files.checkpoint import read_state_dict


@pytest.fixture(scope="module")
def outputs() -> dict[str, np.ndarray]:
    """What the PyTorch package answered when the golden file was made."""
    with np.load(golden.OUTPUTS) as arrays:
        return dict(arrays)


def assert_close(found: Any, expected: np.ndarray) -> None:
    """Equal within 1e-5 of the largest number."""
    assert expected.std() > 0.5
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max(), strict=True)


@pytest.mark.parametrize("image_size", golden.IMAGE_SIZES)
def test_gives_the_logits_that_torch_gave(
    outputs: dict[str, np.ndarray], narrow_cnn: Callable[[int], Any], image_size: int
) -> None:
    found = narrow_cnn(image_size)(invented_images(image_size), training=False).numpy()
    assert_close(found, outputs[f"logits_{image_size}"])


def test_the_published_weights_give_the_logits_that_torch_gave(
    outputs: dict[str, np.ndarray], published_path: Path, cnn_with_head: Callable[..., Any]
) -> None:
    size = golden.PUBLISHED_IMAGE_SIZE
    model = cnn_with_head(load_pretrained(published_path, LITE), size)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == 4_652_008
    assert_close(model(invented_images(size)[:1], training=False).numpy(), outputs["published"])


@pytest.mark.usefixtures("require_reference")
def test_the_golden_logits_are_those_of_the_package_installed(outputs: dict[str, np.ndarray]) -> None:
    for name, expected in golden.lite_outputs().items():
        assert_close(outputs[name], expected)


@pytest.mark.usefixtures("require_reference")
def test_the_package_installed_gives_the_same_logits_from_the_published_weights(
    published_path: Path, cnn_with_head: Callable[..., Any]
) -> None:
    size = 65
    images = np.random.default_rng(0).normal(size=(2, size, size, 3)).astype(np.float32)
    expected = torch_outputs(golden.published_lite(read_state_dict(published_path), size), images)
    model = cnn_with_head(load_pretrained(published_path, LITE), size)
    assert_close(model(images, training=False).numpy(), expected)
