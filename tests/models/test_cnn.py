import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import initializer, layer_seed

NARROW = NetworkSpec(ALEXNET, num_classes=4, image_size=63, width_multiplier=0.05)


@pytest.fixture(scope="module")
def model() -> tf_keras.Sequential:
    return build_cnn(NARROW, seed=0)


def test_kernels_start_he_normal(model: tf_keras.Sequential) -> None:
    for name in ("features_0", "classifier_1", "classifier_4"):
        kernel = model.get_layer(name).kernel.numpy()
        variance = 2 / np.prod(kernel.shape[:-1])
        # Keras draws from a normal cut at two standard deviations, widened to keep the variance.
        assert abs(kernel.var() / variance - 1) < 5 * np.sqrt(2 / kernel.size)
        assert abs(kernel.mean()) < 5 * np.sqrt(variance / kernel.size)


def test_head_and_biases_start_at_zero(model: tf_keras.Sequential) -> None:
    assert not np.any(model.get_layer("classifier_6").kernel)
    assert not any(np.any(layer.bias) for layer in model.layers if hasattr(layer, "bias"))
    assert not np.any(model(np.ones((1, 63, 63, 3), np.float32)))


def test_start_repeats_under_a_seed(model: tf_keras.Sequential) -> None:
    same, other = build_cnn(NARROW, seed=0), build_cnn(NARROW, seed=1)
    for weight, again in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, again)
    assert not np.allclose(model.get_layer("features_3").kernel, other.get_layer("features_3").kernel)


def test_layers_of_equal_shape_start_differently() -> None:
    first, second = (initializer(name, seed=0)([20, 20]) for name in ("classifier_1", "classifier_4"))
    assert not np.allclose(first, second)
    tiny = build_cnn(NetworkSpec(ALEXNET, 4, 63, width_multiplier=0.0026), seed=0)
    kernels = [tiny.get_layer(f"features_{i}").kernel.numpy() for i in (6, 8, 10)]
    assert {kernel.shape for kernel in kernels} == {(3, 3, 1, 1)}
    assert len({kernel.tobytes() for kernel in kernels}) == 3


def test_layer_seeds_differ_and_fit_into_28_bits() -> None:
    names = [f"features_{i}" for i in (0, 3, 6, 8, 10)] + [f"classifier_{i}" for i in (1, 4, 6)]
    seeds = {layer_seed(name, seed) for name in names for seed in range(100)}
    assert len(seeds) == 800
    assert min(seeds) >= 0
    assert max(seeds) < 2**28


def test_dropout_acts_before_the_two_wide_dense_layers_in_training_alone(model: tf_keras.Sequential) -> None:
    names = [layer.name for layer in model.layers]
    dropouts = [i for i, layer in enumerate(model.layers) if isinstance(layer, tf_keras.layers.Dropout)]
    assert [names[i + 1] for i in dropouts] == ["classifier_1", "classifier_4"]
    assert {model.layers[i].rate for i in dropouts} == {0.5}
    ones = tf.ones([2, 1000])
    assert set(np.unique(model.layers[dropouts[0]](ones, training=True))) == {0.0, 2.0}
    np.testing.assert_array_equal(model.layers[dropouts[0]](ones, training=False), ones)


def test_without_dropout_there_are_no_such_layers() -> None:
    model = build_cnn(NARROW, seed=0, dropout=0.0)
    assert not any(isinstance(layer, tf_keras.layers.Dropout) for layer in model.layers)
