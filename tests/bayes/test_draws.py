"""One draw a pass, whatever calls a layer how often."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence
from tfp_insects.bayes.draws import drawn_kernels
from tfp_insects.bayes.monte_carlo import predict_samples

NUM_TRAIN_EXAMPLES = 20
VARIATIONAL = {
    "prior": {"kind": "scaled_normal"},
    "num_train_examples": NUM_TRAIN_EXAMPLES,
    "posterior_ratio": 0.5,
}
INPUTS = tf.constant(np.random.default_rng(0).normal(size=(5, 6)), tf.float32)


def dense(units: int, seed: int, **kwargs: Any) -> DenseFlipout:
    start = tf_keras.initializers.HeNormal(seed)
    return DenseFlipout(units, variational=VARIATIONAL, seed=seed, kernel_initializer=start, **kwargs)


def difference_of_two_calls() -> tf_keras.Model:
    """0 for all images, if both calls of its layer have one kernel, and the same signs for an image."""
    layer, inputs = dense(4, 1, name="shared"), tf_keras.Input([6])
    return tf_keras.Model(inputs, tf_keras.layers.Subtract()([layer(inputs), layer(tf.identity(inputs))]))


def nested_twice() -> tf_keras.Model:
    """The same with a nested model that is called twice."""
    inner = tf_keras.Sequential([tf_keras.Input([6]), dense(5, 1, activation="relu"), dense(4, 2)])
    inputs = tf_keras.Input([6])
    return tf_keras.Model(inputs, tf_keras.layers.Subtract()([inner(inputs), inner(tf.identity(inputs))]))


class OwnCall(tf_keras.Model):
    """The same with a call of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = dense(4, 1)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return self.shared(inputs, training=training) - self.shared(tf.identity(inputs), training=training)


makers = pytest.mark.parametrize("make", [difference_of_two_calls, nested_twice, OwnCall])


@makers
@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_shared_layer_has_one_draw_a_pass_and_its_divergence_once(
    make: Callable[[], tf_keras.Model], is_compiled: bool
) -> None:
    model = make()

    def passed(inputs: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return model(inputs, training=True), model.losses

    run = tf.function(passed) if is_compiled else passed
    steps = []
    for _ in range(2):
        outputs, losses = run(INPUTS)
        np.testing.assert_allclose(outputs, np.zeros([5, 4]), atol=1e-6)
        assert len(losses) == len(bayesian_layers(model))
        np.testing.assert_allclose(sum(map(float, losses)), float(kl_divergence(model)) / NUM_TRAIN_EXAMPLES, rtol=1e-5)
        steps.append(int(bayesian_layers(model)[0].noise_step))
    assert steps == [1, 2]


@pytest.mark.parametrize("is_compiled", [False, True])
def test_each_pass_has_a_draw_of_its_own(is_compiled: bool) -> None:
    layer = dense(4, 1)

    def two_passes(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return layer(inputs, training=True), layer(inputs, training=True)

    first, second = (tf.function(two_passes) if is_compiled else two_passes)(INPUTS)
    assert np.abs(first - second).max() > 0.1


@makers
def test_fit_trains_a_shared_layer_with_one_divergence(make: Callable[[], tf_keras.Model]) -> None:
    model = make()
    model.compile(tf_keras.optimizers.legacy.SGD(0.0), "mse")
    (loss,) = model.fit(INPUTS, np.zeros([5, 4]), batch_size=5, verbose=0).history["loss"]
    np.testing.assert_allclose(loss, float(kl_divergence(model)) / NUM_TRAIN_EXAMPLES, rtol=1e-5)


def test_gradients_of_both_calls_reach_the_posterior() -> None:
    layer, scale = dense(4, 1), 3.0
    twice, once = tf_keras.Input([6]), tf_keras.Input([6])
    models = [
        tf_keras.Model(twice, layer(twice) + scale * layer(tf.identity(twice))),
        tf_keras.Model(once, (1 + scale) * layer(once)),
    ]
    gradients = []
    for model in models:
        layer.noise_step.assign(0)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(INPUTS, training=True))) + tf.add_n(model.losses)
        gradients.append(tape.gradient(loss, [layer.loc, layer.log_ratio, layer.bias]))
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@makers
def test_a_shared_layer_has_one_kernel_a_draw_in_predictions(make: Callable[[], tf_keras.Model]) -> None:
    model = make()
    samples = predict_samples(model, INPUTS, 3, seed=1, activation=tf.identity)
    np.testing.assert_allclose(samples, np.zeros([3, 5, 4]), atol=1e-6)


def test_a_shared_layers_draws_are_those_of_its_kernels() -> None:
    layer, inputs = dense(6, 1), tf_keras.Input([6])
    model = tf_keras.Model(inputs, layer(tf.nn.relu(layer(inputs))))
    samples = predict_samples(model, INPUTS, 2, seed=1, activation=tf.identity)
    seed = tf.random.experimental.stateless_fold_in(tf.constant([1, 0]), 0)
    for sample, kernel in zip(samples, layer.sample_pair(seed), strict=True):
        expected = np.maximum(INPUTS @ kernel, 0) @ kernel
        np.testing.assert_allclose(sample, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(samples[0] - samples[1]).max() > 0.1


def test_given_kernels_hold_within_their_context_alone() -> None:
    first, second = dense(4, 1), Convolution2DFlipout(3, 2, variational=VARIATIONAL, seed=2)
    images = tf.constant(np.random.default_rng(0).normal(size=(2, 4, 4, 2)), tf.float32)
    before = [first(INPUTS), second(images)]
    ones = {first: tf.ones([6, 4]), second: tf.ones([2, 2, 2, 3])}
    with drawn_kernels({first: tf.zeros([6, 4])}), drawn_kernels(ones):
        for training in (False, True):
            np.testing.assert_allclose(first(INPUTS, training=training)[:, 0], tf.reduce_sum(INPUTS, 1), rtol=1e-5)
            assert not first.losses
        expected = tf.nn.conv2d(images, tf.ones([2, 2, 2, 3]), 1, "VALID")
        np.testing.assert_allclose(second(images), expected, rtol=1e-5, atol=1e-6)
    for layer, inputs, outputs in ((first, INPUTS, before[0]), (second, images, before[1])):
        np.testing.assert_array_equal(layer(inputs), outputs)


def test_a_model_built_in_training_mode_still_draws_anew() -> None:
    layer, inputs = dense(4, 1), tf_keras.Input([6])
    model = tf_keras.Model(inputs, layer(inputs, training=True))
    first, second = model(INPUTS), model(INPUTS)
    assert np.abs(first - second).max() > 0.1
