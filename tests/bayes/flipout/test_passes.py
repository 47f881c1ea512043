"""One pass of a layer, against the formula, and lower precisions; `conformance` has stock TFP's layer."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf


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
