"""Mean and variance of each unit through dense layers, in closed form: one pass instead of many draws.

The weights of a dense layer are independent normals w ~ N(loc, S), S elementwise, or those of a unit have the covariance
A A'. For inputs x that are independent of each other and of the weights, with mean m and variance v, the outputs x w have

    mean m loc        variance (m² + v) S + v loc²        (squares elementwise)

and, since each unit has weights of its own, covariances of v alone, sum_i v_i loc_ij loc_ik. ReLU of a normal has moments in
closed form (Frey and Hinton 1999; Hernández-Lobato and Adams 2015, "Probabilistic backpropagation"). So each layer's moments
follow from those of the layer before (assumed density filtering; Gast and Roth 2018, "Lightweight probabilistic deep
networks"). For one hidden layer behind known inputs, mean and covariance of the outputs are exact. Behind more of them,
units are taken to be normal before ReLU, and independent: that they share the noise of their inputs is left out.

The products with S and loc² cost as much as the mean's. A wide layer does not need them: with a matrix of the same sums of
rows and columns and rank one, the two cost nothing, and nothing as large as the kernel is read or stored for them
(`RankOne`). It is exact where the inputs' second moments are alike, and where the matrix is of rank one, as with one
variance for all weights; elsewhere, sums over thousands of inputs are near to it.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf


class RankOne(NamedTuple):
    """The matrix `rows[:, None] * columns[None]`; float32.

    Attributes:
        rows: `[inputs]`.
        columns: `[units]`.
    """

    rows: tf.Tensor
    columns: tf.Tensor


Matrix: TypeAlias = tf.Tensor | RankOne


class DensePosterior(NamedTuple):
    """A dense layer as moments pass through it.

    Attributes:
        loc: Mean of the kernel, `[inputs, units]`, in the type in which it is multiplied by.
        bias: float32 `[units]`, or none.
        variance: Of independent weights, `[inputs, units]`; none where weights are known or depend on one another.
        squared_loc: `loc²`, `[inputs, units]`; for inputs with a variance alone, and not for the last layer.
        factor: A square root A of the covariance A A' of a unit's weights, float32 `[inputs, inputs]`; none otherwise.
        factor_variance: The diagonal of A A', float32 `[inputs]`; none without a factor.
        leverage_factor: That of the covariance by which leverage is told, where it is another than A.
    """

    loc: tf.Tensor
    bias: tf.Tensor | None
    variance: Matrix | None = None
    squared_loc: Matrix | None = None
    factor: tf.Tensor | None = None
    factor_variance: tf.Tensor | None = None
    leverage_factor: tf.Tensor | None = None


class Moments(NamedTuple):
    """Of independent units.

    Attributes:
        mean: `[batch, units]`.
        variance: float32 `[batch, units]`; none if the units are known.
    """

    mean: tf.Tensor
    variance: tf.Tensor | None = None


class LogitMoments(NamedTuple):
    """Of the last layer's outputs.

    Attributes:
        mean: float32 `[batch, units]`.
        covariance: float32 `[batch, units, units]`.
        leverage: Variance of the last layer's weights along the direction of its inputs' mean, float32 `[batch]`; 0 where
            that is 0, or weights are independent.
    """

    mean: tf.Tensor
    covariance: tf.Tensor
    leverage: tf.Tensor


def rank_one(matrix: tf.Tensor) -> RankOne:
    """The matrix of rank one with the same sums of rows and of columns.

    Of all with positive entries it is nearest in Kullback-Leibler divergence.

    Args:
        matrix: Not negative, `[inputs, units]`.
    """
    rows, columns = tf.reduce_sum(matrix, axis=1), tf.reduce_sum(matrix, axis=0)
    return RankOne(rows, tf.math.divide_no_nan(columns, tf.reduce_sum(columns)))


def relu_moments(moments: Moments) -> Moments:
    """Moments of max(u, 0) for normal u.

    With a = mean / scale, and k(a) = a Phi(a) + phi(a), the mean is `scale k(a)` and the variance
    `scale² (Phi(a) - k(a) k(-a))`. That is `E[max(u, 0)²] - E[max(u, 0)]²` without its cancellation, because
    k(a) - k(-a) = a. Where the variance is 0, this is ReLU of the mean.
    """
    mean = tf.cast(moments.mean, tf.float32)
    if moments.variance is None:
        return Moments(tf.nn.relu(mean))
    is_random = moments.variance > 0.0
    scale = tf.sqrt(tf.where(is_random, moments.variance, 1.0))
    ratio = mean / scale
    density = tf.exp(-0.5 * tf.square(ratio)) / np.float32(np.sqrt(2.0 * np.pi))
    above, below = _normal_cdf(ratio), _normal_cdf(-ratio)
    excess, shortfall = ratio * above + density, density - ratio * below
    variance = moments.variance * tf.maximum(above - excess * shortfall, 0.0)
    return Moments(tf.where(is_random, scale * tf.maximum(excess, 0.0), tf.nn.relu(mean)), variance)


def _normal_cdf(ratio: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.math.erfc(-ratio / np.float32(np.sqrt(2.0)))


def dense_moments(layer: DensePosterior, inputs: Moments) -> Moments:
    """Moments of a dense layer's outputs, before its activation.

    Args:
        layer: The layer; `squared_loc` is needed if the inputs have a variance.
        inputs: `[batch, inputs]`.

    Returns:
        Moments `[batch, units]`, float32; without a variance if neither inputs nor weights have one.
    """
    own = _variance_of_weights(layer, inputs)
    if inputs.variance is None:
        return Moments(_mean(layer, inputs), own)
    assert layer.squared_loc is not None
    passed_on = _product(inputs.variance, layer.squared_loc)
    return Moments(_mean(layer, inputs), passed_on if own is None else own + passed_on)


def logit_moments(layer: DensePosterior, inputs: Moments) -> LogitMoments:
    """Mean and covariance of the last layer's outputs.

    Args:
        layer: The layer; its `squared_loc` is not used.
        inputs: `[batch, inputs]`.
    """
    mean, own = _mean(layer, inputs), _variance_of_weights(layer, inputs)
    covariance = tf.linalg.diag(tf.zeros_like(mean) if own is None else own)
    if inputs.variance is not None:
        loc = tf.cast(layer.loc, tf.float32)
        covariance += tf.einsum("bi,ij,ik->bjk", inputs.variance, loc, loc)
    return LogitMoments(mean, covariance, _leverage(layer, tf.cast(inputs.mean, tf.float32)))


def _leverage(layer: DensePosterior, inputs: tf.Tensor) -> tf.Tensor:
    """Leverage of known inputs, float32 `[batch, inputs]`; see `head_covariance`."""
    factor = layer.factor if layer.leverage_factor is None else layer.leverage_factor
    if factor is None:
        return tf.zeros(tf.shape(inputs)[:1])
    along = tf.reduce_sum(tf.square(_product(inputs, factor)), axis=-1)
    return tf.math.divide_no_nan(along, tf.reduce_sum(tf.square(inputs), axis=-1))


def moments_of_pair(first: tf.Tensor, second: tf.Tensor) -> Moments:
    """Moments of units from two mirrored draws of them, `[batch, units]`.

    To the first order of the noise they are mean + d and mean - d, and d² is one draw's estimate of the variance: a rough one
    for a unit, a good one for sums over thousands of units, such as a dense layer's outputs.
    """
    first, second = tf.cast(first, tf.float32), tf.cast(second, tf.float32)
    return Moments(0.5 * (first + second), tf.square(0.5 * (first - second)))


def moments_of_logits(layers: Sequence[DensePosterior], is_rectified: Sequence[bool], inputs: Moments) -> LogitMoments:
    """Carries moments through several dense layers.

    Args:
        layers: From input to output; the first one's `squared_loc` is needed if the inputs have a variance.
        is_rectified: For each of them whether ReLU follows it; the last one's is not looked at.
        inputs: `[batch, inputs]`.
    """
    return logit_moments(layers[-1], hidden_moments(layers[:-1], is_rectified[:-1], inputs))


def hidden_moments(layers: Sequence[DensePosterior], is_rectified: Sequence[bool], inputs: Moments) -> Moments:
    """Moments of the outputs of several dense layers, each with the ReLU that follows it; arguments as above."""
    moments = inputs
    for layer, rectifies in zip(layers, is_rectified, strict=True):
        moments = dense_moments(layer, moments)
        moments = relu_moments(moments) if rectifies else moments
    return moments


def _mean(layer: DensePosterior, inputs: Moments) -> tf.Tensor:
    outputs = _product(inputs.mean, layer.loc)
    return outputs if layer.bias is None else outputs + layer.bias


def _variance_of_weights(layer: DensePosterior, inputs: Moments) -> tf.Tensor | None:
    """What the noise of the layer's own weights adds to the variance: float32 `[batch, units]`, or none."""
    if layer.variance is None and layer.factor is None:
        return None
    mean = tf.cast(inputs.mean, tf.float32)
    if layer.variance is not None:
        squares = tf.square(mean)
        return _product(squares if inputs.variance is None else squares + inputs.variance, layer.variance)
    variance = tf.reduce_sum(tf.square(_product(mean, layer.factor)), axis=-1)
    if inputs.variance is not None:
        variance += tf.linalg.matvec(inputs.variance, layer.factor_variance)
    return tf.tile(variance[:, tf.newaxis], [1, layer.loc.shape[-1]])


def _product(inputs: tf.Tensor, matrix: Matrix) -> tf.Tensor:
    """`[batch, inputs]` times `[inputs, units]`, in the matrix's type; float32."""
    if isinstance(matrix, RankOne):
        return tf.linalg.matvec(tf.cast(inputs, tf.float32), matrix.rows)[:, tf.newaxis] * matrix.columns
    return tf.cast(tf.matmul(tf.cast(inputs, matrix.dtype), matrix), tf.float32)
