"""One pass of each layer with each argument, against stock TFP's layer and against the formula."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.variational_kernel import VariationalKernel

tfd = tfp.distributions


def stock_layer(case: Any, layer: VariationalKernel, draw: Callable) -> tuple[tf_keras.layers.Layer, list[tf.Variable]]:
    """TFP's own layer on copies of the same posterior and prior, and its loc, log_ratio and bias.

    Args:
        case: The layer's arguments.
        layer: This project's layer, built.
        draw: What the stock layer takes for a draw from N(0, scale²).
    """
    prior_loc, prior_scale = layer.kernel_prior.mean(), layer.kernel_prior.stddev()
    variables = [tf.Variable(one) for one in (layer.loc, layer.log_ratio, *([layer.bias] if layer.use_bias else []))]
    scale = tfp.util.DeferredTensor(variables[1], lambda value: prior_scale * tf.exp(value))
    weight = layer.kl_weight.numpy() / layer.variational.num_train_examples
    stock = case.stock(
        **case.arguments,
        kernel_posterior_fn=lambda dtype, shape, *_: tfd.Independent(tfd.Normal(variables[0], scale), len(shape)),
        kernel_posterior_tensor_fn=draw,
        kernel_prior_fn=lambda dtype, shape, *_: tfd.Independent(tfd.Normal(prior_loc, prior_scale), len(shape)),
        kernel_divergence_fn=lambda q, p, _: weight * tfd.kl_divergence(q, p),
        bias_posterior_fn=(lambda *_: tfd.Independent(tfd.Deterministic(variables[2]), 1)) if layer.use_bias else None,
    )
    return stock, variables


def written_out(
    case: Any, layer: VariationalKernel, noise: np.ndarray, signs_in: np.ndarray, signs_out: np.ndarray
) -> np.ndarray:
    """Outputs in float64 (Wen et al. 2018, eq. 3 and 4): example n has the kernel `mean + perturbation * r_n s_n'`."""
    loc, scale = (np.float64(one) for one in (layer.loc, layer.kernel_posterior.stddev()))
    kernels = (loc + scale * noise * np.outer(*signs) for signs in zip(signs_in, signs_out, strict=True))
    inputs = np.float64(case.inputs())[:, np.newaxis]
    outputs = [case.numpy_linear(example, kernel) for example, kernel in zip(inputs, kernels, strict=True)]
    return np.asarray(layer.activation(np.concatenate(outputs) + (layer.bias.numpy() if layer.use_bias else 0.0)))


def test_the_mean_pass_is_stock_tfps_without_a_perturbation(case: Any) -> None:
    layer, inputs = case.trained(), case.inputs()
    stock, _ = stock_layer(case, layer, lambda affine: tf.zeros_like(affine.scale))
    expected = stock(inputs)
    assert layer.compute_output_shape(inputs.shape) == expected.shape
    for found in (layer(inputs), layer(inputs, training=False), layer.apply_kernel(inputs, layer.loc)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_training_pass_is_stock_tfps_with_the_same_noise_and_signs(
    case: Any, random_numbers: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, inputs = case.trained(), case.inputs()
    layer.kl_weight.assign(0.3)
    upstream = np.float32(np.random.default_rng(9).normal(size=layer.compute_output_shape(inputs.shape)))

    def run(one: tf_keras.layers.Layer, variables: list[tf.Variable], **kwargs: bool) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([inputs, *variables])
            outputs = one(inputs, **kwargs)
            added = tf.add_n(one.losses)
            objective = tf.reduce_sum(outputs * upstream) + added
        return [outputs, added, *tape.gradient(objective, [inputs, *variables])]

    found = run(layer, [layer.loc, layer.log_ratio, *([layer.bias] if layer.use_bias else [])], training=True)
    noise, *signs = random_numbers(layer, inputs)

    def given_signs(shape: tf.Tensor, **_: Any) -> tf.Tensor:
        sign = signs.pop(0)  # Stock TFP would give each place of a dense layer's example its own.
        return tf.broadcast_to(sign.reshape(len(sign), *[1] * (len(shape) - 2), -1), shape)

    monkeypatch.setattr(tfp.random, "rademacher", given_signs)
    stock, variables = stock_layer(case, layer, lambda affine: affine.scale * noise)
    expected = run(stock, variables)
    assert not signs
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_training_pass_is_each_examples_own_kernel_written_out(case: Any, random_numbers: Callable) -> None:
    layer, inputs = case.trained(), case.inputs()
    found = layer(inputs, training=True)
    expected = written_out(case, layer, *random_numbers(layer, inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_places_of_an_unknown_number_are_no_matter(case: Any) -> None:
    layer, inputs = case.trained(), case.inputs()
    symbolic = tf_keras.Input([*[None] * (inputs.shape.rank - 2), inputs.shape[-1]])
    model = tf_keras.Model(symbolic, layer(symbolic))
    assert model.output_shape[-1] == layer.loc.shape[-1]
    np.testing.assert_allclose(model(inputs), layer(inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_bfloat16", 0.06), ("mixed_float16", 0.01), ("float64", 1e-5)]
)
@pytest.mark.parametrize("name", ["dense, places", "convolution, same", "convolution, dilation"])
def test_other_precisions_compute_in_theirs_and_store_float32(
    name: str, policy: str, tolerance: float, cases: Any, random_numbers: Callable
) -> None:
    case = cases[name]
    layer, inputs = case.trained(dtype=policy), case.inputs()
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        (divergence,) = layer.losses
        total = tf.reduce_sum(tf.cast(outputs, tf.float32)) + divergence
    gradients = tape.gradient(total, layer.trainable_variables)
    assert outputs.dtype == layer.compute_dtype
    assert {variable.dtype for variable in layer.trainable_variables} == {divergence.dtype} == {tf.float32}
    assert all(gradient.dtype == tf.float32 and np.all(np.isfinite(gradient)) for gradient in gradients)
    noise, signs_in, signs_out = random_numbers(layer, inputs)
    expected = written_out(case, layer, np.float64(noise), np.float64(signs_in), np.float64(signs_out))
    np.testing.assert_allclose(np.float64(outputs), expected, atol=tolerance * np.abs(expected).max())
