import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import kl_divergence, set_kl_weight
from tfp_insects.bayes.elbo import loss_and_logits, negative_log_likelihood

MakeModel = Callable[..., tf_keras.Sequential]


def test_negative_log_likelihood_is_the_mean_of_minus_log_p() -> None:
    logits = tf.math.log([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]) + 3.0
    expected = -(math.log(0.7) + math.log(0.25)) / 2
    np.testing.assert_allclose(negative_log_likelihood(tf.constant([2, 1]), logits), expected, rtol=1e-6)


def test_logits_of_low_precision_are_computed_in_float32() -> None:
    logits = tf.constant([[0.0, 11.0], [3.0, -2.0]], tf.float16)
    found = negative_log_likelihood(tf.constant([0, 0]), logits)
    assert found.dtype == tf.float32
    expected = (math.log1p(math.exp(11)) + math.log1p(math.exp(-5))) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_loss_of_the_twin_is_the_negative_elbo_of_one_image(make_model: MakeModel) -> None:
    model = make_model(noise_multiplier=0.0)
    set_kl_weight(model, 0.7)
    rng = np.random.default_rng(0)
    for num_images in (5, 2):  # The divergence's share does not depend on the batch size.
        inputs, labels = np.float32(rng.normal(size=(num_images, 6))), rng.integers(3, size=num_images)
        loss, nll, logits = loss_and_logits(model, tf.constant(inputs), tf.constant(labels))
        np.testing.assert_allclose(logits, model(inputs, training=False), atol=1e-5)
        log_p = np.float64(logits) - np.log(np.exp(np.float64(logits)).sum(1, keepdims=True))
        np.testing.assert_allclose(nll, -log_p[np.arange(num_images), labels].mean(), rtol=1e-5)
        np.testing.assert_allclose(loss, nll + 0.7 * float(kl_divergence(model)) / 20, rtol=1e-5)


def test_loss_of_a_model_without_prior_is_the_likelihood_term() -> None:
    model = tf_keras.Sequential([tf_keras.layers.Dense(3)])
    loss, nll, _ = loss_and_logits(model, tf.ones([2, 6]), tf.constant([0, 1]))
    assert float(loss) == float(nll)
