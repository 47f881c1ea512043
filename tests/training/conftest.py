"""A twin small enough to train in a moment, with all that the loop asks for: layers of each kind, and batches."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.models.flipout import DenseFlipout

NUM_INPUTS, NUM_CLASSES = 6, 3
MakeModel = Callable[..., tf_keras.Sequential]


@dataclasses.dataclass(frozen=True)
class Batches:
    """20 examples, drawn anew for each epoch from its number, in batches of 8, 8 and 4."""

    num_examples: int = 20
    steps_per_epoch: int = 3

    def epoch(self, epoch: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
        rng = np.random.default_rng(epoch)
        inputs = np.float32(rng.normal(size=(20, NUM_INPUTS)))
        labels = np.int32(inputs[:, :NUM_CLASSES].argmax(1))
        return [(tf.constant(inputs[i : i + 8]), tf.constant(labels[i : i + 8])) for i in (0, 8, 16)]


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What `Training` runs, and on what."""

    model: tf_keras.Sequential
    pipeline: Any = Batches()


@pytest.fixture
def make_model() -> MakeModel:
    """Makes a twin of three dense layers: `features_0` and the head are Bayesian, `classifier_4` is not."""

    def make(noise_multiplier: float = 1.0, precision: str = "float32") -> tf_keras.Sequential:
        common = {"num_train_examples": 20, "posterior_ratio": 0.3, "noise_multiplier": noise_multiplier}
        variational = {"prior": {"kind": "scaled_normal"}, **common}
        start = [tf_keras.initializers.HeNormal(seed) for seed in range(3)]
        layers = [
            DenseFlipout(
                5, variational=variational, seed=1, kernel_initializer=start[0], name="features_0", dtype=precision
            ),
            tf_keras.layers.Dense(4, "relu", kernel_initializer=start[1], name="classifier_4", dtype=precision),
            DenseFlipout(
                NUM_CLASSES,
                variational=variational,
                seed=2,
                kernel_initializer=start[2],
                name="classifier_6",
                dtype=precision,
            ),
        ]
        model = tf_keras.Sequential(layers)
        model.build([None, NUM_INPUTS])
        return model

    return make


@pytest.fixture
def make_inputs() -> type[Inputs]:
    return Inputs
