from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.swag import WeightMoments, WeightPosterior
from tfp_insects.errors import InputError
from tfp_insects.training.collecting import Collection, collect_posterior
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser

MOMENTUM, LEARNING_RATE, FACTOR = 0.9, 0.05, 0.5


class Batches:
    """Two batches an epoch, which depend on its number."""

    num_examples, steps_per_epoch, batch_size = 8, 2, 4

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def epoch(self, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        self.epochs.append(epoch)
        rng = np.random.default_rng(epoch)
        for _ in range(self.steps_per_epoch):
            yield tf.constant(rng.normal(size=[4, 3]), tf.float32), tf.constant(rng.integers(0, 2, 4), tf.int32)


class Inputs(NamedTuple):
    model: tf_keras.Model
    pipeline: Batches


@pytest.fixture
def inputs() -> Inputs:
    return Inputs(tf_keras.Sequential([tf_keras.Input([3]), tf_keras.layers.Dense(2, name="only")]), Batches())


def collect(inputs: Inputs, learning_rate: float, steps: list[int] | None = None) -> WeightPosterior:
    collection = Collection(16, 3, 2, learning_rate, LayerMultipliers({"only": FACTOR}))
    count = (lambda: None) if steps is None else (lambda: steps.append(1))
    return collect_posterior(inputs, make_optimiser(MOMENTUM, "float32"), collection, count)


def gradient(weights: np.ndarray, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of the mean NLL of a softmax layer, kernel `[3, 2]` and bias `[2]` one after the other."""
    logits = images @ weights[:6].reshape(3, 2) + weights[6:]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    errors = odds / odds.sum(axis=1, keepdims=True) - np.eye(2)[labels]
    return np.concatenate([(images.T @ errors).ravel(), errors.sum(axis=0)]) / len(labels)


def test_snapshots_are_those_of_momentum_sgd_at_a_constant_rate_in_epochs_of_their_own(inputs: Inputs) -> None:
    (layer,) = inputs.model.layers
    weights = np.concatenate([layer.kernel.numpy().ravel(), layer.bias.numpy()]).astype(np.float64)
    expected, velocity = WeightMoments(weights.astype(np.float32), rank=2), np.zeros(8)
    for epoch in (16, 17, 18):  # Those before were the training's.
        for images, labels in Batches().epoch(epoch):
            velocity = MOMENTUM * velocity - LEARNING_RATE * FACTOR * gradient(weights, images.numpy(), labels.numpy())
            weights = weights + velocity
        expected.add(weights.astype(np.float32))
    steps: list[int] = []
    found = collect(inputs, LEARNING_RATE, steps)
    for name, array in expected.posterior()._asdict().items():
        np.testing.assert_allclose(getattr(found, name), array, rtol=1e-3, atol=1e-6, err_msg=name)
    assert inputs.pipeline.epochs == [16, 17, 18]
    assert len(steps) == 6


@pytest.mark.parametrize("learning_rate", [1e38, np.nan])
def test_a_loss_that_is_no_number_names_what_to_lower(learning_rate: float, inputs: Inputs) -> None:
    with pytest.raises(
        InputError, match=r"no finite number by epoch \d of collecting .* lower swag\.learning_rate"
    ) as caught:
        collect(inputs, learning_rate)
    assert caught.value.fields == ("swag.learning_rate",)
