"""Keras' own `fit` trains a twin."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import tf_keras
from fixtures.any_models import branches, nested, random_images, randomised, sequential

from tfp_insects.bayes.convert import to_bayesian
from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.priors import Prior, Variational

NUM_TRAIN_EXAMPLES = 30
LEARNED = Variational(Prior("normal", scale=0.7), posterior_ratio=0.3)


def test_fit_minimises_the_negative_elbo() -> None:
    """The loss of an epoch, written out: cross-entropy of the mean weights, since the noise is 0, and the divergence."""
    model = randomised(sequential())
    spec = dataclasses.replace(LEARNED, noise_multiplier=0.0)
    twin = to_bayesian(model, num_train_examples=NUM_TRAIN_EXAMPLES, layers=["hidden", "head"], variational=spec)
    model.get_layer("norm").trainable = twin.get_layer("norm").trainable = False
    labels = np.array([0, 1, 2, 1, 0, 2])
    twin.compile(tf_keras.optimizers.legacy.SGD(0.0), tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = twin.fit(
        random_images(), labels, batch_size=4, validation_data=(random_images(), labels), verbose=0
    ).history
    logits = np.float64(model(random_images(), training=False))
    nll = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(6), labels])
    divergence = 0.0
    for kernel in (np.float64(model.get_layer(name).kernel) for name in ("hidden", "head")):
        divergence += np.sum(0.5 * (0.3**2 + (kernel / 0.7) ** 2 - 1) - np.log(0.3))
    np.testing.assert_allclose(history["loss"], [nll + divergence / NUM_TRAIN_EXAMPLES], rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], [nll], rtol=1e-5)


@pytest.mark.parametrize("make", [branches, nested])
def test_fit_trains_all_kernels(make: Callable[[], tf_keras.Model]) -> None:
    """Without noise and with all images in a batch, steps that are small enough lower the loss."""
    spec = dataclasses.replace(LEARNED, noise_multiplier=0.0)
    twin = to_bayesian(randomised(make()), num_train_examples=6, variational=spec)
    labels = [np.array([0, 1, 1, 0, 1, 0])] * len(twin.outputs)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    twin.compile(tf_keras.optimizers.legacy.SGD(1e-3), [loss] * len(labels))
    before = [layer.loc.numpy() for layer in bayesian_layers(twin)]
    losses = twin.fit(random_images(), labels, batch_size=6, epochs=3, verbose=0).history["loss"]
    assert losses[0] > losses[1] > losses[2]
    for old, layer in zip(before, bayesian_layers(twin), strict=True):
        assert np.abs(layer.loc - old).max() > 0.0
