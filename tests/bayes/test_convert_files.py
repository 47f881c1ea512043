"""A twin from a file is the twin."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.any_models import branches, nested, random_images, randomised, sequential

from tfp_insects.bayes.convert import to_bayesian
from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence
from tfp_insects.bayes.monte_carlo import predict_samples
from tfp_insects.bayes.priors import Prior, Variational

LEARNED = Variational(Prior("normal", scale=0.7), posterior_ratio=0.3)


# Keras itself cannot load a model with a layer that is used in several levels.
@pytest.mark.parametrize("make", [sequential, branches, functools.partial(nested, crosses_levels=False)])
def test_a_twin_from_a_file_gives_the_same_samples(make: Callable[[], tf_keras.Model], tmp_path: Path) -> None:
    twin = to_bayesian(randomised(make()), num_train_examples=10, variational=LEARNED)
    twin.save(tmp_path / "twin.keras")
    loaded = tf_keras.models.load_model(tmp_path / "twin.keras", compile=False)
    first, second = (tf.nest.flatten(predict_samples(one, random_images(), 3, seed=8)) for one in (twin, loaded))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(kl_divergence(twin), kl_divergence(loaded))
    assert len({id(layer._table()) for layer in bayesian_layers(loaded)}) == 1  # It is as large as all kernels.
    for one, other in zip(*(tf.nest.flatten(m(random_images(), training=True)) for m in (twin, loaded)), strict=True):
        np.testing.assert_array_equal(one, other)
