"""Layers under a log-uniform prior; what they share with other priors is tested with these."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

RATIO = 0.3


@pytest.fixture
def make_layer(layers: Any) -> Callable[..., Any]:
    """Makes a dense layer at "pretrained" weights."""

    def make(**options: Any) -> Any:
        shared = {"posterior_ratio": RATIO, "scale_per_weight": False, "learn_scale": False}
        layer = layers.make("dense", layers.variational("log_uniform", **{**shared, **options}))
        layer.centre_on(np.float32(np.random.default_rng(0).normal(size=(5, 7))), np.zeros(7, np.float32))
        return layer

    return make


@pytest.mark.parametrize("scale_per_weight", [True, False])
def test_the_scale_follows_the_mean_as_it_is_now(scale_per_weight: bool, make_layer: Callable) -> None:
    layer = make_layer(scale_per_weight=scale_per_weight)
    assert layer.log_ratio.shape == ((5, 7) if scale_per_weight else ())
    for _ in range(2):
        np.testing.assert_allclose(layer.posterior_scale(), RATIO * np.abs(layer.loc), rtol=1e-6)
        np.testing.assert_allclose(layer.kernel_posterior.stddev(), RATIO * np.abs(layer.loc), rtol=1e-6)
        layer.loc.assign(-2.0 * layer.loc + 0.1)


def test_an_improper_prior_is_no_distribution_and_has_no_weights(make_layer: Callable) -> None:
    layer = make_layer()
    assert layer.kernel_prior is None
    names = [weight.name.split("/")[-1] for weight in layer.weights]
    assert names == ["kernel_loc:0", "bias:0", "kernel_log_ratio:0", "kl_weight:0", "noise_step:0"]


@pytest.mark.parametrize("learn_scale", [True, False])
def test_scale_and_floor_of_the_prior_change_nothing(learn_scale: bool, make_layer: Callable) -> None:
    inputs = tf.constant(np.random.default_rng(2).normal(size=(3, 5)), tf.float32)
    numbers: list[dict[str, float]] = [{"scale": 10.0, "floor": 0.1}, {"scale": 0.5, "floor": 3.0}, {}]
    priors = [{"kind": "log_uniform", **one} for one in numbers]
    made = [make_layer(prior=prior, learn_scale=learn_scale) for prior in priors]
    outputs = [layer(inputs, training=True).numpy() for layer in made]
    np.testing.assert_array_equal(outputs[1:], [outputs[0]] * 2)
    assert len({float(layer.kl_divergence()) for layer in made}) == 1


@pytest.mark.parametrize("learn_scale", [True, False])
def test_gradients_of_a_training_call_are_those_of_flipout_written_out(
    learn_scale: bool, make_layer: Callable, layers: Any
) -> None:
    layer = make_layer(learn_scale=learn_scale)
    inputs = tf.constant(np.random.default_rng(2).normal(size=(3, 5)), tf.float32)
    upstream = tf.constant(np.random.default_rng(3).normal(size=(3, 7)), tf.float32)
    layer.kl_weight.assign(0.3)
    variables = [layer.loc, layer.bias, *([layer.log_ratio] if learn_scale else [])]
    assert {id(one) for one in layer.trainable_variables} == {id(one) for one in variables}
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs, training=True) * upstream) + tf.add_n(layer.losses)
    found = tape.gradient(total, variables)

    noise, sign_in, sign_out = layers.noise_and_signs(layer, inputs)
    with tf.GradientTape() as tape:
        perturbation = tf.exp(layer.log_ratio) * tf.abs(layer.loc) * noise
        outputs = inputs @ layer.loc + ((inputs * sign_in) @ perturbation) * sign_out + layer.bias
        divergence = 35 * layer.kernel_state().kl_terms()
        total = tf.reduce_sum(outputs * upstream) + 0.3 / layers.num_train_examples * divergence
    wanted = tape.gradient(total, variables)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale_per_weight", [True, False])
@pytest.mark.parametrize("kl_weight", [0.0, 0.01, 1.0])
def test_a_learned_ratio_grows_where_there_are_no_data(
    scale_per_weight: bool, kl_weight: float, make_layer: Callable
) -> None:
    layer = make_layer(learn_scale=True, scale_per_weight=scale_per_weight)
    layer.kl_weight.assign(kl_weight)
    optimiser = tf_keras.optimizers.legacy.SGD(0.5)
    ratios, divergences = [], []
    for _ in range(5):
        ratios.append(layer.log_ratio.numpy())
        divergences.append(float(layer.kl_divergence()))
        with tf.GradientTape() as tape:
            layer(tf.zeros([2, 5]), training=True)
            (loss,) = layer.losses
        optimiser.minimize(loss, [layer.loc, layer.log_ratio], tape=tape)
    if kl_weight:
        assert np.all(np.diff(ratios, axis=0) > 0.0)
        assert np.all(np.diff(divergences) < 0.0)
    else:
        np.testing.assert_array_equal(ratios, [np.full_like(ratios[0], math.log(RATIO))] * 5)
    np.testing.assert_array_equal(layer.loc, make_layer().loc)  # The divergence does not move it.
