"""The CNN against PyTorch: the same float32 tensor through both."""

import collections
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras

from tfp_insects.models.alexnet.weights_layout import convert_state_dict
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.pretrained_files import load_pretrained

torch = pytest.importorskip("torch", reason="needs torch (see BUILD.md)")


def torch_alexnet(num_classes: int, width_multiplier: float = 1.0) -> Any:
    """torchvision's alexnet in evaluation mode, under the names of its state_dict."""
    *convolutions, wide = (max(1, round(n * width_multiplier)) for n in (64, 192, 384, 256, 256, 4096))
    a, b, c, d, e = convolutions
    nn = torch.nn
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


def converted_cnn(weights: dict[str, np.ndarray], image_size: int, width_multiplier: float) -> tf_keras.Sequential:
    """Our CNN with all pretrained weights, those of the head too."""
    kernel, bias = weights["classifier_6/kernel"], weights["classifier_6/bias"]
    model = build_cnn(NetworkSpec(ALEXNET, len(bias), image_size, width_multiplier), seed=0)
    start_at(model, weights, ALEXNET)
    model.get_layer("classifier_6").set_weights([kernel, bias])
    return model


def assert_same_logits(model: tf_keras.Sequential, reference: Any, image_size: int) -> None:
    images = np.random.default_rng(0).normal(size=(2, image_size, image_size, 3)).astype(np.float32)
    with torch.no_grad():
        expected = reference(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(model(images, training=False), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def as_arrays(reference: Any) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in reference.state_dict().items()}


def test_real_checkpoint_gives_the_same_logits(real_checkpoint: Path) -> None:
    reference = torch_alexnet(190)
    reference.load_state_dict(torch.load(real_checkpoint, weights_only=True))
    model = converted_cnn(load_pretrained(real_checkpoint, ALEXNET), 227, 1.0)
    assert_same_logits(model, reference, 227)


def test_a_random_network_of_full_size_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    reference = torch_alexnet(1000)
    model = converted_cnn(convert_state_dict(as_arrays(reference)), 227, 1.0)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == 61_100_840
    assert_same_logits(model, reference, 227)


@pytest.mark.parametrize("image_size", [63, 95, 130, 224, 300])
def test_other_input_sizes_are_pooled_alike(image_size: int) -> None:
    torch.manual_seed(1)
    reference = torch_alexnet(7, width_multiplier=0.05)
    model = converted_cnn(convert_state_dict(as_arrays(reference)), image_size, 0.05)
    assert_same_logits(model, reference, image_size)
