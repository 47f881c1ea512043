"""The dense layers of a model, as moments pass through them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.flipout import DenseFlipout
from tfp_insects.bayes.moments import (
    DensePosterior,
    LogitMoments,
    Matrix,
    Moments,
    RankOne,
    dense_moments,
    logit_moments,
    rank_one,
    relu_moments,
)
from tfp_insects.bayes.moments_tail import Tail

Reduce = Callable[[tf.Tensor], Matrix]


def dense_posterior(
    layer: tf_keras.layers.Layer, reduce: Reduce = rank_one, needs_squares: bool = True, uses_covariance: bool = True
) -> DensePosterior:
    """Reads a layer's weights as predictions have them.

    Args:
        layer: `DenseFlipout`, or Keras' own dense layer.
        reduce: What is made of a matrix of variances or squares: `rank_one`, or `tf.identity`.
        needs_squares: Whether its inputs have a variance that its outputs' variance is wanted for.
        uses_covariance: Whether its weights have the covariance that they have in predictions, if they have one.
    """
    weights = _weights(layer, uses_covariance)
    loc, factor = tf.cast(_loc(layer), tf.float32), weights.factor
    return weights._replace(
        variance=_variance(layer, loc, reduce) if isinstance(layer, DenseFlipout) and factor is None else None,
        squared_loc=reduce(tf.square(loc)) if needs_squares else None,
        factor_variance=None if factor is None else tf.reduce_sum(tf.square(factor), axis=-1),
    )


def _weights(layer: tf_keras.layers.Layer, uses_covariance: bool) -> DensePosterior:
    """The fields that are weights as they are."""
    loc = tf.cast(_loc(layer), layer.compute_dtype)
    bias = None if layer.bias is None else tf.cast(layer.bias, tf.float32)
    has_factor = isinstance(layer, DenseFlipout) and uses_covariance
    return DensePosterior(loc, bias, factor=layer.predictive_covariance_factor() if has_factor else None)


def _loc(layer: tf_keras.layers.Layer) -> tf.Tensor:
    return tf.convert_to_tensor(layer.loc if isinstance(layer, DenseFlipout) else layer.kernel)


def map_given(function: Callable[..., Any], *structures: Any) -> Any:
    """`tf.nest.map_structure` that leaves None, where the first structure has it, as it is."""
    return tf.nest.map_structure(lambda *ones: None if ones[0] is None else function(*ones), *structures)


def _variance(layer: DenseFlipout, loc: tf.Tensor, reduce: Reduce) -> Matrix:
    variance = tf.square(layer.predictive_scale())
    if variance.shape.rank == 0:
        return RankOne(tf.fill(loc.shape[:1], variance), tf.ones(loc.shape[1:]))
    return reduce(tf.broadcast_to(variance, loc.shape))


class TailMoments:
    """Moments of the logits from the inputs of a model's tail.

    Args:
        tail: The end of the model.
        uses_covariance: See `dense_posterior`.
        exact: Whether variances are multiplied by the whole matrices.
    """

    def __init__(self, tail: Tail, uses_covariance: bool, exact: bool) -> None:
        places = range(len(tail.layers))
        self._is_rectified = [one.is_rectified for one in tail.layers]
        self._layers = [
            _KeptPosterior(
                one.layer,
                reduce=tf.identity if exact else rank_one,
                needs_squares=place not in (0, places[-1]),
                uses_covariance=uses_covariance,
            )
            for place, one in zip(places, tail.layers, strict=True)
        ]

    def refresh(self) -> None:
        """Takes note of what the layers' weights are now; to be called before the moments are asked for."""
        for layer in self._layers:
            layer.refresh()

    def __call__(self, inputs: tf.Tensor) -> LogitMoments:
        """Maps `[batch, inputs]` to moments of the last layer's outputs."""
        moments = Moments(inputs)
        *hidden, last = self._layers
        for layer, is_rectified in zip(hidden, self._is_rectified, strict=False):
            moments = dense_moments(layer.posterior(), moments)
            moments = relu_moments(moments) if is_rectified else moments
        return logit_moments(last.posterior(), moments)


class _KeptPosterior:
    """A layer's posterior of which all is kept in variables that would cost a pass over all weights for each batch."""

    def __init__(self, layer: tf_keras.layers.Layer, uses_covariance: bool, **options: Any) -> None:
        def found() -> DensePosterior:
            posterior = dense_posterior(layer, uses_covariance=uses_covariance, **options)
            return posterior._replace(loc=None, bias=None, factor=None)

        self._weights = lambda: _weights(layer, uses_covariance)
        self._find = tf.function(found, autograph=False)
        self._kept: DensePosterior | None = None

    def refresh(self) -> None:
        """Finds anew what is kept."""
        found = self._find()
        if self._kept is None:
            self._kept = map_given(lambda value: tf.Variable(value, trainable=False), found)
        else:
            map_given(lambda value, variable: variable.assign(value), found, self._kept)

    def posterior(self) -> DensePosterior:
        """The whole posterior; `refresh` comes before."""
        weights, kept = self._weights(), map_given(tf.convert_to_tensor, self._kept)
        return kept._replace(loc=weights.loc, bias=weights.bias, factor=weights.factor)
