"""Models saved and loaded by Keras, in each of its formats: the same answers, and the same training from there on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes import Convolution2DFlipout, DenseFlipout, Prior, Variational
from tfp_insects.bayes.dropout import MonteCarloDropout, SeededDropout
from tfp_insects.bayes.noise import NoiseTable
from tfp_insects.bayes.variational_kernel import VariationalKernel
from tfp_insects.models.pooling import AdaptiveAveragePooling2D

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
FILES = ("model.keras", "model.h5", "saved_model")
IMAGES = np.float32(np.random.default_rng(0).normal(size=(6, 9, 8, 3)))
LABELS = np.int32([0, 1, 2, 3, 0, 1])


def bayesian_layers(model: tf_keras.Model) -> list[VariationalKernel]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, VariationalKernel)]


def every_case(cases: Mapping[str, Any]) -> tf_keras.Model:
    """A model that is each layer with each argument, side by side."""
    inputs = [tf_keras.Input(case.input_shape[1:]) for case in cases.values()]
    layers = [case.make(name=f"layer_{i}", seed=i) for i, case in enumerate(cases.values())]
    model = tf_keras.Model(inputs, [layer(one) for layer, one in zip(layers, inputs, strict=True)])
    rng = np.random.default_rng(1)
    for layer in layers:
        bias = rng.normal(size=layer.loc.shape[-1]) if layer.use_bias else None
        layer.centre_on(rng.normal(size=layer.loc.shape), bias)
        layer.loc.assign_add(np.float32(rng.normal(size=layer.loc.shape)))
    return model


def branches(policy: str) -> tf_keras.Model:
    """Two branches, batch normalisation, a model in the model, and each kind of prior; the layers share a noise table."""
    layers, common = tf_keras.layers, {"num_train_examples": 30, "posterior_ratio": 0.4}
    first = Variational(Prior("pretrained"), **common, learn_scale=False)
    second = Variational(Prior("log_uniform"), **common, scale_per_weight=False)
    head = Variational(Prior("scaled_normal"), **common, covariance_scale=1.5)
    images = tf_keras.Input(IMAGES.shape[1:])
    rectangular = Convolution2DFlipout(
        4, (3, 2), (2, 1), "same", activation="relu", variational=first, seed=1, name="rectangular", dtype=policy
    )
    dilated = Convolution2DFlipout(
        4, 2, dilation_rate=2, use_bias=False, variational=second, seed=2, name="dilated", dtype=policy
    )
    pooled = [AdaptiveAveragePooling2D(3)(one(images)) for one in (rectangular, dilated)]
    hidden = layers.BatchNormalization()(layers.Add()(pooled))
    inner = [
        layers.Flatten(),
        SeededDropout(0.3, seed=4),
        DenseFlipout(6, tf.nn.relu, activity_regularizer="l2", variational=second, seed=3, name="inner", dtype=policy),
        MonteCarloDropout(0.3, seed=5),
    ]
    logits = DenseFlipout(4, variational=head, seed=9, name="head", dtype=policy)(tf_keras.Sequential(inner)(hidden))
    model = tf_keras.Model(images, logits)
    sizes = [int(np.prod(layer.loc.shape)) for layer in bayesian_layers(model)]
    for i, layer in enumerate(bayesian_layers(model)):
        table = table if i else NoiseTable(sum(sizes), max(sizes), 7, layer.compute_dtype)  # noqa: F821
        layer.use_noise_table(table, position=sum(sizes[:i]))
    model.get_layer("rectangular").centre_on(np.random.default_rng(1).normal(size=(3, 2, 3, 4)), np.ones(4))
    return model


def require_equal(found: Any, expected: Any) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(tf.cast(one, tf.float32), tf.cast(other, tf.float32))


def train(model: tf_keras.Model) -> tf.Tensor:
    """One step of gradient descent; returns its loss."""
    with tf.GradientTape() as tape:
        logits = tf.cast(model(IMAGES, training=True), tf.float32)
        nll = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits)
        # Keras regularises the activity in the type that a layer computes in.
        loss = tf.reduce_mean(nll) + tf.add_n([tf.cast(one, tf.float32) for one in model.losses])
    tf_keras.optimizers.SGD(0.01).apply_gradients(
        zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
    )
    return loss


@pytest.mark.parametrize("file", FILES[:2])
def test_each_argument_survives_a_file(file: str, tmp_path: Path, cases: Mapping[str, Any]) -> None:
    model, inputs = every_case(cases), [case.inputs() for case in cases.values()]
    model.save(tmp_path / file)
    loaded = tf_keras.models.load_model(tmp_path / file)
    for one, other, case in zip(loaded.layers[-len(cases) :], model.layers[-len(cases) :], cases.values(), strict=True):
        assert type(one) is case.flipout
        assert one.get_config() == other.get_config()
        require_equal(one.kl_divergence(), other.kl_divergence())
    require_equal(loaded(inputs), model(inputs))
    require_equal(loaded(inputs, training=True), model(inputs, training=True))
    require_equal(loaded.losses, model.losses)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[tf_keras.Model, Path]:
    """A model after a step of training, and the directory that has it in each format."""
    model, directory = branches("float32"), tmp_path_factory.mktemp("saved")
    train(model)
    for file in FILES:
        model.save(directory / file)
    return model, directory


@pytest.mark.parametrize("file", FILES)
def test_a_model_from_a_file_goes_on_as_if_it_had_not_been_saved(file: str, saved: tuple[tf_keras.Model, Path]) -> None:
    model, weights = saved[0], saved[0].get_weights()
    loaded = tf_keras.models.load_model(saved[1] / file)
    require_equal(loaded.get_weights(), weights)
    require_equal(loaded(IMAGES), model(IMAGES))
    seed = tf.constant([1, 2])
    draws = [[layer.sample_pair(seed) for layer in bayesian_layers(one)] for one in (loaded, model)]
    require_equal(*draws)
    try:
        require_equal([train(loaded) for _ in range(2)], [train(model) for _ in range(2)])
        require_equal(loaded.get_weights(), model.get_weights())
        assert not np.array_equal(model.get_weights()[0], weights[0])
    finally:
        model.set_weights(weights)


def test_a_model_in_low_precision_goes_on_too(tmp_path: Path) -> None:
    model = branches("mixed_bfloat16")
    train(model)
    model.save(tmp_path / FILES[0])
    loaded = tf_keras.models.load_model(tmp_path / FILES[0])
    assert {layer.compute_dtype for layer in bayesian_layers(loaded)} == {"bfloat16"}
    require_equal(loaded(IMAGES), model(IMAGES))
    require_equal(train(loaded), train(model))
    require_equal(loaded.get_weights(), model.get_weights())


def test_a_saved_model_answers_without_this_library(saved: tuple[tf_keras.Model, Path]) -> None:
    served = tf.saved_model.load(str(saved[1] / FILES[2]))
    np.testing.assert_allclose(served(IMAGES, training=False), saved[0](IMAGES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("file", FILES[:2])
def test_a_model_from_a_file_has_a_new_models_names_and_is_saved_again(
    file: str, saved: tuple[tf_keras.Model, Path], tmp_path: Path
) -> None:
    loaded = tf_keras.models.load_model(saved[1] / FILES[0])
    assert [weight.name for weight in loaded.weights] == [weight.name for weight in saved[0].weights]
    loaded.save(tmp_path / file)
    require_equal(tf_keras.models.load_model(tmp_path / file).get_weights(), loaded.get_weights())
