import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence, layers_with_prior, set_kl_weight
from tfp_insects.bayes.monte_carlo import predict_samples

VARIATIONAL = {"prior": {"kind": "normal", "scale": 0.5}, "num_train_examples": 10, "posterior_ratio": 0.3}


def dense(units: int, name: str) -> DenseFlipout:
    return DenseFlipout(units, variational=VARIATIONAL, seed=1, name=name)


def nested() -> tf_keras.Model:
    """Layers at three depths: one in a model in a model that is called twice, one in a wrapper."""
    innermost = tf_keras.Sequential([tf_keras.Input([4]), dense(4, "deep")])
    inputs = tf_keras.Input([4])
    inner = tf_keras.Model(inputs, dense(4, "inner")(innermost(inputs)))
    sequence = tf_keras.Input([3, 4])
    outputs = tf_keras.layers.TimeDistributed(dense(4, "wrapped"))(sequence)
    pooled = tf_keras.layers.GlobalAveragePooling1D()(outputs)
    return tf_keras.Model(sequence, dense(2, "head")(inner(pooled) + inner(2.0 * pooled)))


def test_all_depths_are_counted_once() -> None:
    model = nested()
    layers = bayesian_layers(model)
    assert {layer.name for layer in layers} == {"deep", "inner", "wrapped", "head"}
    assert len(layers) == 4
    assert layers_with_prior(model) == layers
    expected = 0.0
    for layer in layers:
        loc, scale = np.float64(layer.loc), np.float64(layer.posterior_scale())
        expected += np.sum(np.log(0.5 / scale) + (scale**2 + loc**2) / (2 * 0.5**2) - 0.5)
    assert expected > 1.0
    np.testing.assert_allclose(kl_divergence(model), expected, rtol=1e-5)
    set_kl_weight(model, 0.25)
    model(tf.ones([2, 3, 4]), training=True)
    np.testing.assert_allclose(tf.add_n(model.losses), 0.25 * expected / 10, rtol=1e-5)


def test_a_deterministic_model_has_none() -> None:
    model = tf_keras.Sequential([tf_keras.layers.Dense(3)])
    model.build([None, 4])
    assert float(kl_divergence(model)) == 0.0


@pytest.mark.parametrize(
    "layer",
    [tfp.layers.DenseFlipout(3), tfp.layers.DenseReparameterization(3), tfp.layers.DenseLocalReparameterization(3)],
    ids=lambda layer: type(layer).__name__,
)
def test_stock_layers_are_refused_rather_than_left_out(layer: tf_keras.layers.Layer) -> None:
    model = tf_keras.Sequential([tf_keras.Sequential([layer], name="inner")])
    model.build([None, 4])
    message = rf"layer '{layer.name}' is TensorFlow Probability's own {type(layer).__name__}: use DenseFlipout"
    for ask in (
        kl_divergence,
        lambda one: set_kl_weight(one, 1.0),
        lambda one: predict_samples(one, np.ones([1, 4]), 2),
    ):
        with pytest.raises(ValueError, match=message):
            ask(model)
