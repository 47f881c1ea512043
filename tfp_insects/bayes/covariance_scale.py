"""How the scale of the last layer's prior is chosen, from which its covariance follows (`head_covariance`).

One scale is not right for all data: the wider the prior, the less sure the answers where training images have not been. It is
one number, so it can be chosen as a temperature is, by held-out images; or without any, as the one under which
the training labels are most probable (MacKay 1992; `last_layer_laplace`).
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import scipy.linalg
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.head_covariance import ChooseScale, factor_of, features_of
from tfp_insects.bayes.last_layer_laplace import most_likely_scale
from tfp_insects.bayes.moments import Moments, logit_moments
from tfp_insects.bayes.moments_draws import draw_logits, logits_seed
from tfp_insects.bayes.moments_layers import dense_posterior
from tfp_insects.bayes.variational_kernel import VariationalKernel

STEP = math.sqrt(2.0)
MAX_STEPS = 8  # 16 times the scale that the layer begins with, or a sixteenth of it.
NUM_DRAWS = 64  # Of the logits, as many for each draw of the layers before.


def by_marginal_likelihood(head: VariationalKernel, curvature: np.ndarray) -> float:
    """The scale under which the training labels are most probable, see `last_layer_laplace`.

    Args:
        head: The last layer, trained.
        curvature: See `head_covariance.curvature_of`.
    """
    eigenvalues = scipy.linalg.eigvalsh(curvature)
    return most_likely_scale(head.loc.numpy(), np.maximum(eigenvalues, 0.0))


def by_held_out(
    model: tf_keras.Model,
    batches: Iterable[tuple[Any, Any]],
    loss: Callable[[np.ndarray], float],
    num_samples: int,
    seed: int,
    on_images: Callable[[float], object] = lambda number: None,
) -> ChooseScale:
    """Chooses the scale of the lowest loss of held-out images, in steps of the square root of 2 from the layer's own.

    Args:
        model: Trained; the last layer is its last.
        batches: Held-out images, as pairs with labels that are not read.
        loss: Of their probabilities, float32 `[num_draws, num_examples, num_classes]`.
        num_samples: See `fit_head_covariance`.
        seed: Of the draws.
        on_images: See `MonteCarloPredictor.predict`.
    """

    def choose(head: VariationalKernel, curvature: np.ndarray) -> float:
        features = features_of(model, head, batches, num_samples, seed, on_images)

        def loss_of(scale: float) -> float:
            cast(tf.Variable, head.covariance_factor).assign(factor_of(curvature, scale))
            return loss(_probabilities(head, features, seed))

        return lowest(loss_of, head.variational.covariance_scale / math.sqrt(head.loc.shape[0]))

    return choose


def lowest(function: Callable[[float], float], start: float) -> float:
    """Goes from a start up, or else down, by factors of `STEP` as long as a function falls, and returns where it ends."""
    best, least = start, function(start)
    for step in (STEP, 1.0 / STEP):
        for _ in range(MAX_STEPS):
            value = function(best * step)
            if not value < least:
                break
            best, least = best * step, value
        if best != start:
            break
    return best


def _probabilities(head: DenseFlipout, features: Moments, seed: int) -> np.ndarray:
    """Draws of the logits behind all draws of the features, as probabilities `[num_draws, num_examples, num_classes]`."""
    posterior, variances = dense_posterior(head), features.variance
    draws = []
    for place, mean in enumerate(features.mean):
        moments = logit_moments(posterior, Moments(mean, None if variances is None else variances[place]))
        own_seed = logits_seed(tf.constant(seed, tf.int64), tf.constant(place, tf.int64))
        draws.append(tf.nn.softmax(draw_logits(moments, NUM_DRAWS, own_seed)).numpy())
    return np.concatenate(draws)
