"""The dense layers of a model, as moments pass through them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.moments import (
    DensePosterior,
    LogitMoments,
    Matrix,
    Moments,
    RankOne,
    hidden_moments,
    moments_of_logits,
    rank_one,
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
    if not isinstance(layer, DenseFlipout) or not uses_covariance:
        return DensePosterior(loc, bias)
    own = layer.leverage_factor
    leverage_factor = None if own is None else tf.convert_to_tensor(own)
    return DensePosterior(loc, bias, factor=layer.predictive_covariance_factor(), leverage_factor=leverage_factor)


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


def has_leverage(tail: Tail) -> bool:
    """Whether the last layer has a covariance, which is narrow where training images have been."""
    return getattr(tail.layers[-1].layer, "covariance_factor", None) is not None


def dense_posteriors(
    tail: Tail, reduce: Reduce = rank_one, uses_covariance: bool = True, has_random_inputs: bool = False
) -> list[DensePosterior]:
    """Reads the weights of all layers of a tail; the arguments are those of `TailMoments` and `dense_posterior`."""
    first, last = int(not has_random_inputs), len(tail.layers) - 1
    return [
        dense_posterior(one.layer, reduce, first <= place < last, uses_covariance)
        for place, one in enumerate(tail.layers)
    ]


class TailMoments:
    """Moments of the logits from the inputs of a model's tail, with the weights of the moment.

    What would cost a pass over all weights for each batch is kept in variables.

    Args:
        tail: The end of the model.
        uses_covariance: See `dense_posterior`.
        exact: Whether variances are multiplied by the whole matrices.
        has_random_inputs: Whether the tail's inputs may have a variance.

    Attributes:
        has_leverage: Whether the leverage of inputs says how unlike those of training images they are: where the last layer
            has a covariance.
    """

    def __init__(
        self, tail: Tail, uses_covariance: bool = True, exact: bool = False, has_random_inputs: bool = False
    ) -> None:
        self.has_leverage = uses_covariance and has_leverage(tail)
        self._is_rectified = [one.is_rectified for one in tail.layers]
        self._weights = lambda: [_weights(one.layer, uses_covariance) for one in tail.layers]
        self._find = tf.function(
            lambda: [
                posterior._replace(loc=None, bias=None, factor=None, leverage_factor=None)
                for posterior in dense_posteriors(
                    tail, tf.identity if exact else rank_one, uses_covariance, has_random_inputs
                )
            ],
            autograph=False,
        )
        self._kept: list[DensePosterior] = []

    def refresh(self) -> None:
        """Takes note of what the layers' weights are now; to be called before moments are asked for."""
        found = self._find()
        if self._kept:
            map_given(lambda value, variable: variable.assign(value), found, self._kept)
        else:
            self._kept = map_given(lambda value: tf.Variable(value, trainable=False), found)

    def __call__(self, inputs: Moments | tf.Tensor) -> LogitMoments:
        """Maps `[batch, inputs]`, known or with a variance, to moments of the last layer's outputs."""
        return moments_of_logits(self._posteriors(), self._is_rectified, _as_moments(inputs))

    def features(self, inputs: Moments | tf.Tensor) -> Moments:
        """Maps the same to moments of the last layer's inputs."""
        return hidden_moments(self._posteriors()[:-1], self._is_rectified[:-1], _as_moments(inputs))

    def _posteriors(self) -> list[DensePosterior]:
        return [
            kept._replace(**{name: getattr(weights, name) for name in ("loc", "bias", "factor", "leverage_factor")})
            for kept, weights in zip(map_given(tf.convert_to_tensor, self._kept), self._weights(), strict=True)
        ]


def _as_moments(inputs: Moments | tf.Tensor) -> Moments:
    return inputs if isinstance(inputs, Moments) else Moments(inputs)
