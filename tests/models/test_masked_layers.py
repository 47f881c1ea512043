"""The CNN that masks the inputs of its layers."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.draws import drawn_kernels
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.masked_layers import MaskedConvolution2D, build_masked

RATES = {"features": 0.25, "hidden": 0.5, "head": 0.5}
SPEC = NetworkSpec(ALEXNET, 4, 63, 0.05)
IMAGES = np.float32(np.random.default_rng(0).normal(size=(3, 63, 63, 3)))


def test_without_a_draw_it_is_the_cnn() -> None:
    cnn, masked = build_cnn(SPEC, 0, dropout=0.0), build_masked(SPEC, 0, RATES)
    for layer in cnn.layers:
        if layer.weights:
            assert masked.get_layer(layer.name).kernel.shape == layer.kernel.shape
            masked.get_layer(layer.name).kernel.assign(layer.kernel)
    head = tf.random.stateless_normal(cnn.get_layer(ALEXNET.head).kernel.shape, [0, 1])
    for model in (cnn, masked):
        model.get_layer(ALEXNET.head).kernel.assign(head)
    np.testing.assert_allclose(masked(IMAGES, training=False), cnn(IMAGES, training=False), rtol=1e-5, atol=1e-6)


def test_every_layer_but_the_first_has_masks_of_its_groups_rate() -> None:
    rates = {layer.name: layer.masks.rate for layer in build_masked(SPEC, 0, RATES).layers if hasattr(layer, "masks")}
    assert rates == {
        **{f"features_{i}": 0.25 for i in (3, 6, 8, 10)},
        **{f"classifier_{i}": 0.5 for i in (1, 4, 6)},
    }


def test_a_rate_of_zero_leaves_the_masks_out() -> None:
    model = build_masked(SPEC, 0, {**RATES, "features": 0.0})
    assert [layer.name for layer in model.layers if hasattr(layer, "masks")] == [
        "classifier_1",
        "classifier_4",
        "classifier_6",
    ]


def test_a_convolution_drops_whole_maps() -> None:
    """Against the convolution of inputs in which maps are zero, the others divided by the share that stays."""
    inputs = np.float32(np.random.default_rng(1).normal(size=(2, 5, 5, 8)))
    layer = MaskedConvolution2D(3, 2, rate=0.5, mask_seed=7)
    layer.build(inputs.shape)
    mask = layer.masks.sample_pair(tf.constant([1, 2]))[0]
    assert mask.shape == (1, 1, 8)
    assert set(np.unique(mask)) == {0.0, 2.0}
    with drawn_kernels({layer.masks: mask}):
        found = layer(inputs, training=False)
    expected = tf.nn.conv2d(inputs * np.asarray(mask), layer.kernel, 1, "VALID")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_in_training_each_image_has_masks_of_its_own_and_a_step_other_ones() -> None:
    layer = MaskedConvolution2D(1, 1, rate=0.5, mask_seed=7, kernel_initializer="ones", use_bias=False)
    ones = np.ones([64, 2, 2, 16], np.float32)
    first, second = (layer(ones, training=True).numpy()[:, :, :, 0] for _ in range(2))
    assert (first == first[:, :1, :1]).all()  # Whole maps.
    assert len(np.unique(first[:, 0, 0])) > 4
    assert (first != second).any()
    assert np.mean(first) == pytest.approx(16.0, rel=0.1)


def test_draws_differ_and_repeat_under_a_seed() -> None:
    model = build_masked(SPEC, 0, RATES)
    kernel = model.get_layer(ALEXNET.head).kernel
    kernel.assign(tf.random.stateless_normal(kernel.shape, [0, 1]))
    first, again = (MonteCarloPredictor(model).predict([(IMAGES, None)], 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.std(axis=0).max() > 1e-3


def test_what_is_trained_is_what_the_cnn_trains() -> None:
    cnn, masked = build_cnn(SPEC, 0, dropout=0.0), build_masked(SPEC, 0, RATES)
    assert [one.shape for one in masked.trainable_weights] == [one.shape for one in cnn.trainable_weights]
    assert isinstance(masked, tf_keras.Sequential)
