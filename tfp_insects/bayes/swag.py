"""A normal posterior of a network's weights from where SGD goes once the network is trained.

SWAG (Maddox, Garipov, Izmailov, Vetrov, Wilson 2019, "A simple baseline for Bayesian uncertainty in deep learning"): SGD goes
on at a constant learning rate, and snapshots theta_1 ... theta_T of all trained weights give the posterior (eq. 1)

    N(mean, 1/2 (diag(variance) + D D' / (K - 1)))

where mean and variance of each weight are those over theta_0 ... theta_T, with theta_0 the weights before, and the K columns
of D are the deviations theta_i - mean_i of the last K snapshots from the running mean at that time (algorithm 1).

The paper's second moment less the square of the mean is kept as a sum of squared deviations (Welford 1962), which is the same
number. In float32 the paper's difference is mostly rounding where a weight is large against its own changes, and may be
negative.

All is kept in memory as float32: K + 2 numbers for each trained weight. AlexNet's 57 million take 228 MB each time, so 1.6 GB
with K = 5, besides the network and its training.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class WeightPosterior(NamedTuple):
    """The posterior of all trained weights.

    Attributes:
        mean: float32 `[num_weights]`.
        variance: float32 `[num_weights]`, not halved.
        deviations: float32 `[rank, num_weights]`, the columns of D as rows, in no order that matters.
    """

    mean: np.ndarray
    variance: np.ndarray
    deviations: np.ndarray

    @property
    def num_numbers(self) -> int:
        """How many numbers it has."""
        return self.mean.size + self.variance.size + self.deviations.size


class WeightMoments:
    """Running mean, variance and deviations of snapshots.

    Args:
        weights: theta_0, float32 `[num_weights]`: it counts as the first of the values whose mean is taken.
        rank: K, how many deviations are kept, at least 2.

    Raises:
        ValueError: A rank below 2.
    """

    def __init__(self, weights: np.ndarray, rank: int) -> None:
        if rank < 2:  # One deviation has no covariance.
            raise ValueError(f"rank: expected at least 2, got {rank}")
        self._mean = weights.astype(np.float32)
        self._squares = np.zeros_like(self._mean)  # Sum of squared deviations from the mean.
        self._deviations = np.zeros([rank, *self._mean.shape], np.float32)
        self._num_snapshots = 0

    def add(self, weights: np.ndarray) -> None:
        """Takes note of the next snapshot, float32 `[num_weights]`."""
        place = self._num_snapshots % len(self._deviations)  # The oldest deviation goes.
        self._num_snapshots += 1
        before = weights - self._mean
        self._mean += before / np.float32(self._num_snapshots + 1)
        np.subtract(weights, self._mean, out=self._deviations[place])
        before *= self._deviations[place]
        self._squares += before

    def posterior(self) -> WeightPosterior:
        """The posterior; its arrays are this object's own, which is of no use any more.

        Raises:
            ValueError: There were fewer snapshots than the rank.
        """
        if self._num_snapshots < len(self._deviations):
            raise ValueError(f"expected {len(self._deviations)} snapshots or more, got {self._num_snapshots}")
        self._squares /= np.float32(self._num_snapshots + 1)
        return WeightPosterior(self._mean, self._squares, self._deviations)


def draw_weights(posterior: WeightPosterior, seed: int, number: int) -> np.ndarray:
    """A draw of all weights, `mean + sqrt(variance / 2) z1 + D z2 / sqrt(2 (K - 1))` with standard normals z1, z2 (eq. 1).

    Args:
        posterior: Of the weights.
        seed: Integer.
        number: Of the draw; equal seeds and numbers give equal draws.

    Returns:
        float32 `[num_weights]`.
    """
    one, other = tf.unstack(tf.random.experimental.stateless_split([seed, number], num=2))
    rank = len(posterior.deviations)
    weights = np.sqrt(posterior.variance)
    weights *= np.float32(np.sqrt(0.5))
    weights *= tf.random.stateless_normal(posterior.mean.shape, one).numpy()
    weights += posterior.mean
    shared = tf.random.stateless_normal([rank], other).numpy() / np.float32(np.sqrt(2.0 * (rank - 1)))
    weights += shared @ posterior.deviations
    return weights


def read_weights(variables: Sequence[tf.Variable]) -> np.ndarray:
    """The values of variables one after the other, float32 `[num_weights]`."""
    return np.concatenate([variable.numpy().reshape(-1) for variable in variables]).astype(np.float32, copy=False)


def assign_weights(variables: Sequence[tf.Variable], weights: np.ndarray) -> None:
    """Gives variables the values that `read_weights` would read."""
    start = 0
    for variable in variables:
        end = start + variable.shape.num_elements()
        variable.assign(weights[start:end].reshape(variable.shape))
        start = end
