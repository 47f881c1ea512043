"""The CNN against PyTorch: the same float32 tensor through both, live and as stored in golden files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from golden import make_torch_outputs as golden

from tfp_insects.models.alexnet.weights_layout import convert_state_dict
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.pretrained_files import load_pretrained


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="compares with torch, which only the parity extra installs")


@pytest.fixture(scope="module")
def outputs() -> dict[str, np.ndarray]:
    """What torch answered when the golden files were made."""
    with np.load(golden.OUTPUTS) as arrays:
        return dict(arrays)


def converted_cnn(weights: dict[str, np.ndarray], image_size: int, width_multiplier: float) -> tf_keras.Sequential:
    """Our CNN with all pretrained weights, those of the head too."""
    kernel, bias = weights["classifier_6/kernel"], weights["classifier_6/bias"]
    model = build_cnn(NetworkSpec(ALEXNET, len(bias), image_size, width_multiplier), seed=0)
    start_at(model, weights, ALEXNET)
    model.get_layer("classifier_6").set_weights([kernel, bias])
    return model


def narrow_cnn(image_size: int) -> tf_keras.Sequential:
    """Our CNN with the weights of the golden files."""
    weights = golden.invented_weights(golden.NUM_CLASSES, golden.WIDTH_MULTIPLIER)
    return converted_cnn(convert_state_dict(weights), image_size, golden.WIDTH_MULTIPLIER)


def assert_close(found: Any, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    """Equal within a share of the largest number."""
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max(), strict=True)


def assert_same_logits(model: tf_keras.Sequential, reference: Any, image_size: int) -> None:
    images = np.random.default_rng(0).normal(size=(2, image_size, image_size, 3)).astype(np.float32)
    assert_close(model(images, training=False).numpy(), golden.torch_outputs(reference, images))


def as_arrays(reference: Any) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in reference.state_dict().items()}


@pytest.mark.parametrize("image_size", golden.IMAGE_SIZES)
def test_gives_the_logits_that_torch_gave(outputs: dict[str, np.ndarray], image_size: int) -> None:
    found = narrow_cnn(image_size)(golden.invented_images(image_size), training=False).numpy()
    assert_close(found, outputs[f"logits_{image_size}"], 1e-5)


def test_gives_the_pooled_features_that_torch_gave(outputs: dict[str, np.ndarray]) -> None:
    model = narrow_cnn(golden.POOLED_IMAGE_SIZE)
    features = tf_keras.Model(model.inputs, model.get_layer("avgpool").output)
    found = features(golden.invented_images(golden.POOLED_IMAGE_SIZE), training=False).numpy()
    assert_close(found, outputs["pooled"], 1e-5)


def test_the_golden_outputs_are_those_of_the_torch_installed(torch: Any, outputs: dict[str, np.ndarray]) -> None:
    found = golden.alexnet_outputs()
    assert set(found) == set(outputs)
    for name, expected in outputs.items():
        assert_close(found[name], expected, 1e-5)


def test_real_checkpoint_gives_the_same_logits(torch: Any, real_checkpoint: Path) -> None:
    reference = golden.torch_alexnet(190)
    reference.load_state_dict(torch.load(real_checkpoint, weights_only=True))
    model = converted_cnn(load_pretrained(real_checkpoint, ALEXNET), 227, 1.0)
    assert_same_logits(model, reference, 227)


@pytest.mark.long
def test_a_random_network_of_full_size_gives_the_same_logits(torch: Any) -> None:
    torch.manual_seed(0)
    reference = golden.torch_alexnet(1000)
    model = converted_cnn(convert_state_dict(as_arrays(reference)), 227, 1.0)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == 61_100_840
    assert_same_logits(model, reference, 227)


@pytest.mark.parametrize("image_size", [63, 95, 130, 224, 300])
def test_other_input_sizes_are_pooled_alike(torch: Any, image_size: int) -> None:
    torch.manual_seed(1)
    reference = golden.torch_alexnet(7, width_multiplier=0.05)
    model = converted_cnn(convert_state_dict(as_arrays(reference)), image_size, 0.05)
    assert_same_logits(model, reference, image_size)
