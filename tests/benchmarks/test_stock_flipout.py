import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from measuring.stock_flipout import NOISE_SHARE, build_stock_flipout

from tfp_insects.models.alexnet.table import CONVOLUTIONS, DENSE_LAYERS
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

NUM_EXAMPLES = 500


@pytest.fixture(scope="module")
def model() -> tf_keras.Sequential:
    return build_stock_flipout(NetworkSpec(ALEXNET, 10, 63, 0.05), NUM_EXAMPLES)


def flipout_layers(model: tf_keras.Sequential) -> list[tf_keras.layers.Layer]:
    return [model.get_layer(row.name) for row in (*CONVOLUTIONS, *DENSE_LAYERS)]


def test_all_layers_are_tfps_own(model: tf_keras.Sequential) -> None:
    kinds = [type(layer) for layer in flipout_layers(model)]
    assert kinds == [tfp.layers.Convolution2DFlipout] * 5 + [tfp.layers.DenseFlipout] * 3


def test_losses_are_divergences_from_a_standard_normal(model: tf_keras.Sequential) -> None:
    model(tf.zeros([1, 63, 63, 3]))
    assert len(model.losses) == 8
    for layer, loss in zip(flipout_layers(model), model.losses, strict=True):
        posterior = layer.kernel_posterior.distribution
        loc, scale = (np.float64(value) for value in (posterior.loc, tf.convert_to_tensor(posterior.scale)))
        expected = np.sum(0.5 * (scale**2 + loc**2 - 1.0) - np.log(scale)) / NUM_EXAMPLES
        np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_starts_at_he_normal_means_with_a_tenth_of_their_scale(model: tf_keras.Sequential) -> None:
    layer = model.get_layer("classifier_4")
    he = np.sqrt(2.0 / layer.kernel_posterior.distribution.loc.shape[0])
    scale = tf.convert_to_tensor(layer.kernel_posterior.distribution.scale)
    np.testing.assert_allclose(scale, NOISE_SHARE * he, rtol=1e-4)
    np.testing.assert_allclose(np.std(layer.kernel_posterior.distribution.loc), he, rtol=0.05)


def test_trains(model: tf_keras.Sequential) -> None:
    optimiser = make_optimiser(0.9, "float32")
    optimiser.learning_rate = 1e-3
    step = make_train_step(model, optimiser, LayerMultipliers())
    before = [variable.numpy() for variable in model.trainable_variables]
    losses = [float(step(tf.random.stateless_normal([4, 63, 63, 3], [0, i]), tf.range(4))[0]) for i in range(3)]
    assert np.all(np.isfinite(losses))
    assert all(np.any(old != new) for old, new in zip(before, model.trainable_variables, strict=True))
