"""One pass of a layer, against the formula, TFP's own layer, and lower precisions."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.flipout import VariationalKernel


def test_without_training_the_kernel_is_the_mean(kind: str, layers: Any) -> None:
    layer, inputs = layers.trained(kind, activation="relu"), layers.random_inputs(kind)
    expected = tf.nn.relu(layers.linear(kind, inputs, layer.loc) + layer.bias)
    for found in (layer(inputs), layer(inputs, training=False), layer.apply_kernel(inputs, layer.loc)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert int(layer.noise_step) == 0


def test_a_training_call_is_flipout_written_out(kind: str, prior: str, layers: Any) -> None:
    layer = layers.trained(kind, layers.variational(prior), activation="relu")
    inputs = layers.random_inputs(kind)
    found = layer(inputs, training=True)
    noise, sign_in, _ = layers.noise_and_signs(layer, inputs)
    assert noise.shape == layers.kernel_shapes[kind]
    np.testing.assert_array_equal(np.abs(sign_in), np.ones(sign_in.shape))
    # One sign a channel of an example, shared by its places.
    assert sign_in.shape.num_elements() == inputs.shape[0] * inputs.shape[-1]
    expected = tf.nn.relu(layers.written_out(kind, layer, inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def stock_layer(
    layer: VariationalKernel, noise: tf.Tensor, divergence_weight: float
) -> tuple[tf_keras.layers.Layer, list[tf.Variable]]:
    """TFP's own layer on copies of the same posterior and prior, with the given noise, and its loc, log_ratio and bias."""
    prior_loc, prior_scale = layer.kernel_prior.mean(), layer.kernel_prior.stddev()
    loc, log_ratio, bias = (tf.Variable(v) for v in (layer.loc, layer.log_ratio, layer.bias))
    scale = tfp.util.DeferredTensor(log_ratio, lambda value: prior_scale * tf.exp(value))
    normal, independent = tfp.distributions.Normal, tfp.distributions.Independent
    kwargs = {
        "activation": "relu",
        "kernel_posterior_fn": lambda dtype, shape, *_: independent(normal(loc, scale), len(shape)),
        "kernel_posterior_tensor_fn": lambda affine: affine.scale * noise,
        "kernel_prior_fn": lambda dtype, shape, *_: independent(normal(prior_loc, prior_scale), len(shape)),
        "kernel_divergence_fn": lambda q, p, _: divergence_weight * tfp.distributions.kl_divergence(q, p),
        "bias_posterior_fn": lambda *_: independent(tfp.distributions.Deterministic(bias), 1),
    }
    if isinstance(layer, tfp.layers.DenseFlipout):
        return tfp.layers.DenseFlipout(7, **kwargs), [loc, log_ratio, bias]
    return tfp.layers.Convolution2DFlipout(4, 3, strides=2, padding="same", **kwargs), [loc, log_ratio, bias]


def test_outputs_and_gradients_are_those_of_tfps_own_layer(
    kind: str, layers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, inputs = layers.trained(kind, activation="relu"), layers.random_inputs(kind)
    layer.kl_weight.assign(0.3)
    upstream = tf.constant(np.random.default_rng(9).normal(size=layer(inputs).shape), tf.float32)

    def run(one: tf_keras.layers.Layer, variables: list[tf.Variable], **kwargs: bool) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = one(inputs, **kwargs)
            divergence = tf.add_n(one.losses)
            objective = tf.reduce_sum(outputs * upstream) + divergence
        return [outputs, divergence, *tape.gradient(objective, [inputs, *variables])]

    found = run(layer, [layer.loc, layer.log_ratio, layer.bias], training=True)
    noise, *signs = layers.noise_and_signs(layer, inputs)
    monkeypatch.setattr(tfp.random, "rademacher", lambda shape, **_: tf.reshape(signs.pop(0), shape))
    expected = run(*stock_layer(layer, noise, 0.3 / layers.num_train_examples))
    assert not signs
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 0.05), ("mixed_float16", 0.01)])
def test_mixed_precision_computes_low_and_stores_high(
    kind: str, prior: str, policy: str, tolerance: float, layers: Any
) -> None:
    config, inputs = layers.variational(prior), layers.random_inputs(kind)
    layer = layers.trained(kind, config, activation="relu", dtype=policy)
    assert {variable.dtype for variable in layer.trainable_variables} == {tf.float32}
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        total = tf.reduce_sum(tf.cast(outputs, tf.float32)) + tf.add_n(layer.losses)
    assert outputs.dtype == layer.compute_dtype
    assert layer.losses[0].dtype == tf.float32
    expected = tf.nn.relu(layers.written_out(kind, layer, inputs))
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), expected, atol=tolerance * float(tf.reduce_max(tf.abs(expected)))
    )
    gradients = tape.gradient(total, layer.trainable_variables)
    assert all(gradient.dtype == tf.float32 and np.all(np.isfinite(gradient)) for gradient in gradients)
    np.testing.assert_allclose(layer.kl_divergence(), layers.trained(kind, config).kl_divergence(), rtol=1e-6)
