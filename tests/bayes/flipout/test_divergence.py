"""The divergence of a layer's posterior from its prior, and the loss that training makes of it."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_insects.bayes.variational_kernel import VariationalKernel

PRIORS = ("standard_normal", "normal", "scaled_normal", "pretrained")


def kl_in_float64(layer: VariationalKernel, prior_loc: np.ndarray | float, prior_scale: np.ndarray | float) -> float:
    loc, log_ratio = (np.float64(variable.numpy()) for variable in (layer.loc, layer.log_ratio))
    scale = prior_scale * np.exp(log_ratio)
    terms = np.log(prior_scale / scale) + (scale**2 + (loc - prior_loc) ** 2) / (2 * prior_scale**2) - 0.5
    return np.broadcast_to(terms, loc.shape).sum()


@pytest.mark.parametrize("normal_prior", PRIORS)
@pytest.mark.parametrize("scale_per_weight", [True, False])
def test_divergence_is_the_closed_form_and_tfps(
    kind: str, normal_prior: str, scale_per_weight: bool, layers: Any
) -> None:
    layer = layers.trained(kind, layers.variational(normal_prior, scale_per_weight=scale_per_weight))
    shape = layers.kernel_shapes[kind]
    assert layer.log_ratio.shape == (shape if scale_per_weight else ())
    pretrained = np.float64(np.random.default_rng(5).normal(size=shape).astype(np.float32))
    root_mean_square = np.sqrt(np.mean(pretrained**2))
    prior_loc, prior_scale = {
        "standard_normal": (0.0, 1.0),
        "normal": (0.0, 0.8),
        "scaled_normal": (0.0, 0.8 / np.sqrt(np.prod(shape[:-1]))),
        "pretrained": (pretrained, 0.8 * np.maximum(np.abs(pretrained), 0.1 * root_mean_square)),
    }[normal_prior]
    expected = kl_in_float64(layer, prior_loc, prior_scale)
    np.testing.assert_allclose(layer.kl_divergence(), expected, rtol=1e-5)
    tfps = tfp.distributions.kl_divergence(layer.kernel_posterior, layer.kernel_prior)
    np.testing.assert_allclose(tfps, expected, rtol=1e-5)
    assert layer.kernel_posterior.mean().shape == layer.kernel_prior.stddev().shape == shape


@pytest.mark.parametrize("scale_per_weight", [True, False])
def test_divergence_is_zero_at_the_prior(kind: str, scale_per_weight: bool, layers: Any) -> None:
    layer = layers.make(kind, layers.variational(posterior_ratio=1.0, scale_per_weight=scale_per_weight))
    shape = layers.kernel_shapes[kind]
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    layer.centre_on(kernel, np.ones(shape[-1], np.float32))
    assert float(layer.kl_divergence()) == 0.0
    np.testing.assert_array_equal(layer.loc, kernel)
    np.testing.assert_array_equal(layer.kernel_posterior.mean(), kernel)
    np.testing.assert_array_equal(layer.kernel_posterior.stddev(), layer.kernel_prior.stddev())


def test_priors_at_zero_start_at_pretrained_weights_too(kind: str, layers: Any) -> None:
    layer, shape = layers.trained(kind, layers.variational("normal")), layers.kernel_shapes[kind]
    np.testing.assert_array_equal(layer.kernel_prior.mean(), np.zeros(shape))
    np.testing.assert_allclose(layer.kernel_prior.stddev(), np.full(shape, 0.8, np.float32))


def test_losses_are_the_weighted_divergence_of_one_example(kind: str, layers: Any) -> None:
    layer, inputs = layers.trained(kind), layers.random_inputs(kind)
    layer.kl_weight.assign(0.25)
    layer(inputs, training=True)
    (loss,) = layer.losses
    expected = 0.25 * float(layer.kl_divergence()) / layers.num_train_examples
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    layer(inputs[:2], training=True)  # The batch size does not matter, and the last call counts alone.
    np.testing.assert_allclose(layer.losses, [expected], rtol=1e-6)
    layer(inputs, training=False)
    assert layer.losses == []


def test_divergence_weight_acts_inside_a_traced_function(kind: str, layers: Any) -> None:
    layer, inputs = layers.trained(kind), layers.random_inputs(kind)

    @tf.function
    def loss_and_gradient() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            layer(inputs, training=True)
            loss = tf.add_n(layer.losses)
        return loss, tape.gradient(loss, layer.loc)

    loss, gradient = loss_and_gradient()
    layer.kl_weight.assign(0.5)
    half_loss, half_gradient = loss_and_gradient()
    layer.kl_weight.assign(0.0)
    no_loss, no_gradient = loss_and_gradient()
    assert loss_and_gradient.experimental_get_tracing_count() == 1
    np.testing.assert_allclose(half_loss, loss / 2, rtol=1e-6)
    np.testing.assert_allclose(half_gradient, gradient / 2, rtol=1e-6)
    assert float(no_loss) == 0.0
    assert not np.any(no_gradient)
