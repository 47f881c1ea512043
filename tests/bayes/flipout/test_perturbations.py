"""The random part of training passes: how it is distributed over steps, shared, multiplied and repeated."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.variational_kernel import VariationalKernel


def outputs_over_steps(layer: VariationalKernel, inputs: tf.Tensor, num_steps: int) -> np.ndarray:
    """float64 `[num_steps, batch, ...]`."""
    outputs = tf.function(
        lambda: tf.map_fn(lambda _: layer(inputs, training=True), tf.range(num_steps), fn_output_signature=tf.float32)
    )()
    return outputs.numpy().astype(np.float64)


def test_mean_and_variance_over_steps_equal_the_closed_form(kind: str, prior: str, layers: Any) -> None:
    layer, num_steps = layers.trained(kind, layers.variational(prior)), 4000
    image = layers.random_inputs(kind)[:1]
    outputs = outputs_over_steps(layer, tf.concat([image, image], 0), num_steps)
    mean = (layers.linear(kind, image, layer.loc) + layer.bias).numpy()
    variance = layers.linear(kind, image**2, layer.kernel_posterior.variance()).numpy()
    # Outputs are exactly normal, so these are five standard errors.
    assert np.all(np.abs(outputs.mean(0) - mean) < 5 * np.sqrt(variance / num_steps))
    assert np.all(np.abs(outputs.var(0) / variance - 1) < 5 * np.sqrt(2 / num_steps))


def test_perturbations_of_two_examples_are_uncorrelated(kind: str, layers: Any) -> None:
    layer, num_steps = layers.trained(kind), 4000
    image = layers.random_inputs(kind)[:1]
    outputs = outputs_over_steps(layer, tf.concat([image, image], 0), num_steps)
    first, second = (outputs[:, i] - outputs[:, i].mean(0) for i in (0, 1))
    correlation = (first * second).mean(0) / (first.std(0) * second.std(0))
    # Both share |noise|, so a product's variance is between 1 and 3 (that of one weight alone).
    assert np.all(np.abs(correlation) < 5 * np.sqrt(3 / num_steps))
    assert np.all(np.abs(np.mean(first[1:] * first[:-1], 0) / first.var(0)) < 5 / np.sqrt(num_steps))
    # It is the signs that make them differ, not the noise.
    assert not np.allclose(first, second)


def test_places_of_one_image_share_the_perturbed_kernel(layers: Any) -> None:
    layer = layers.trained("convolution")
    inputs = tf.ones([1, 9, 9, 2])
    perturbation = layer(inputs, training=True) - layer(inputs)
    inner = perturbation[0, 1:-1, 1:-1].numpy()
    np.testing.assert_allclose(inner, np.broadcast_to(inner[0, 0], inner.shape), rtol=1e-4, atol=1e-5)
    assert np.all(np.abs(inner[0, 0]) > 1e-4)


def test_signs_are_fair_and_independent_of_each_other(layers: Any) -> None:
    # A square layer, so that equal streams for inputs and outputs would show.
    layer = DenseFlipout(4, variational=layers.variational(), seed=3)
    layer.build([2, 4])

    def signs(step: tf.Tensor) -> tf.Tensor:
        return tf.concat([layer._signs([2, 4], step, salt=salt, rank=2) for salt in (1, 2)], 1)

    steps = tf.range(4000, dtype=tf.int64)
    values = tf.function(lambda: tf.map_fn(signs, steps, fn_output_signature=tf.float32))().numpy().reshape(4000, 16)
    np.testing.assert_array_equal(np.unique(values), [-1, 1])
    assert np.abs(values.mean(0)).max() < 5 / np.sqrt(4000)
    assert np.abs(np.corrcoef(values.T)[np.triu_indices(16, 1)]).max() < 5 / np.sqrt(4000)


def test_noise_multiplied_by_zero_leaves_the_mean(kind: str, prior: str, layers: Any) -> None:
    layer = layers.trained(kind, layers.variational(prior, noise_multiplier=0.0))
    inputs = layers.random_inputs(kind)
    np.testing.assert_allclose(layer(inputs, training=True), layer(inputs, training=False), atol=1e-6)
    np.testing.assert_array_equal(layer.sample_pair(tf.constant([0, 1]))[0], layer.loc)
    layer(inputs, training=True)
    np.testing.assert_allclose(layer.losses, [layer.kl_divergence() / layers.num_train_examples], rtol=1e-6)


def test_noise_multiplier_multiplies_the_perturbation(kind: str, prior: str, layers: Any) -> None:
    inputs = layers.random_inputs(kind)
    perturbations = []
    for factor in (1.0, 0.5):
        layer = layers.trained(kind, layers.variational(prior, noise_multiplier=factor))
        kernel_part = layer.sample_pair(tf.constant([0, 1]))[0] - layer.loc
        perturbations.append((layer(inputs, training=True) - layer(inputs), kernel_part))
    for whole, half in zip(*perturbations, strict=True):
        np.testing.assert_allclose(whole / 2, half, rtol=1e-3, atol=1e-5)


def test_training_repeats_under_a_seed(kind: str, layers: Any) -> None:
    inputs = layers.random_inputs(kind)
    first, second, other = (layers.trained(kind, seed=seed) for seed in (3, 3, 4))
    results = [[layer(inputs, training=True).numpy() for _ in range(2)] for layer in (first, second, other)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])
    assert not np.allclose(results[0][0], results[0][1])


# Losses of three steps of gradient descent and the first weights of a drawn kernel, of this project's version 0.1.0.
RECORDED = {
    ("dense", "pretrained"): ([117.7225418, 99.8207474, 96.9548492], [-1.3747325, -1.3370773]),
    ("dense", "log_uniform"): ([127.1487274, 94.5572510, 91.2572937], [-1.3438886, -1.3552538]),
    ("convolution", "pretrained"): ([1291.0869141, 1304.0181885, 1071.1788330], [-0.9743619, -1.7244145]),
    ("convolution", "log_uniform"): ([1493.7440186, 1370.1907959, 1114.0147705], [-0.9647365, -1.6958539]),
}


def test_training_and_draws_are_those_of_version_0_1_0(kind: str, prior: str, layers: Any) -> None:
    layer, inputs = layers.trained(kind, layers.variational(prior), activation="relu"), layers.random_inputs(kind)
    variables, losses = layer.trainable_variables, []
    for _ in range(3):
        with tf.GradientTape() as tape:
            losses.append(tf.reduce_sum(layer(inputs, training=True) ** 2) + tf.add_n(layer.losses))
        for variable, gradient in zip(variables, tape.gradient(losses[-1], variables), strict=True):
            variable.assign_sub(1e-3 * gradient)
    kernel = layer.sample_pair(tf.constant([7, 3]))[0].numpy()
    for found, expected in zip((losses, kernel.ravel()[:2]), RECORDED[kind, prior], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
