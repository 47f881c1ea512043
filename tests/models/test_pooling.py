import json
import math

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.models.pooling import AdaptiveAveragePooling2D, averaging_matrix

SIZES = [(1, 1), (2, 2), (3, 3), (5, 7), (6, 6), (8, 8), (12, 12), (13, 20)]


def pool_in_float64(images: np.ndarray, output_size: int) -> np.ndarray:
    """torch's definition written out: each output cell is the mean of a slice of the input."""
    batch, height, width, channels = images.shape
    pooled = np.zeros((batch, output_size, output_size, channels))
    for i in range(output_size):
        for j in range(output_size):
            rows = slice(math.floor(i * height / output_size), math.ceil((i + 1) * height / output_size))
            columns = slice(math.floor(j * width / output_size), math.ceil((j + 1) * width / output_size))
            pooled[:, i, j] = images[:, rows, columns].mean((1, 2), dtype=np.float64)
    return pooled


def random_images(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("output_size", [1, 6])
def test_equals_the_definition(size: tuple[int, int], output_size: int) -> None:
    images = random_images(size)
    found = AdaptiveAveragePooling2D(output_size)(images)
    np.testing.assert_allclose(found, pool_in_float64(images, output_size), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_equals_torch(size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch", reason="needs torch (see BUILD.md)")
    images = random_images(size)
    expected = torch.nn.AdaptiveAvgPool2d(6)(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    found = AdaptiveAveragePooling2D(6)(images).numpy()
    np.testing.assert_allclose(found.transpose(0, 3, 1, 2), expected, rtol=1e-5, atol=1e-6)


def test_a_map_of_the_output_size_passes_through() -> None:
    images = random_images((6, 6))
    np.testing.assert_array_equal(AdaptiveAveragePooling2D(6)(images), images)


def test_weights_are_those_of_a_small_case_by_hand() -> None:
    expected = [[1 / 2, 1 / 2, 0, 0], [0, 1 / 2, 1 / 2, 0], [0, 0, 1 / 2, 1 / 2]]
    np.testing.assert_allclose(averaging_matrix(4, 3), expected)
    np.testing.assert_array_equal(averaging_matrix(2, 4), [[1, 0], [1, 0], [0, 1], [0, 1]])


def test_computes_in_the_layers_type() -> None:
    images = random_images((8, 8))
    found = AdaptiveAveragePooling2D(6, dtype="mixed_bfloat16")(images)
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(found, tf.float32), pool_in_float64(images, 6), atol=0.03)


def test_is_rebuilt_from_plain_configuration() -> None:
    layer = AdaptiveAveragePooling2D(6, name="avgpool", dtype="mixed_bfloat16")
    config = json.loads(json.dumps(layer.get_config()))
    rebuilt = AdaptiveAveragePooling2D.from_config(config)
    assert (rebuilt.output_size, rebuilt.name, rebuilt.compute_dtype) == (6, "avgpool", "bfloat16")
