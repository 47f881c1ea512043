"""How the scale of the last layer's prior is chosen, from which its covariance follows (`head_covariance`).

One scale is not right for all data: the wider the prior, the less sure the answers where training images have not been. It is
one number, so it can be chosen as a temperature is, by the NLL of validation images; or without any, as the one under which
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
from tfp_insects.bayes.moments_draws import draw_logits
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


def by_validation(
    model: tf_keras.Model, batches: Iterable[tuple[Any, Any]], labels: np.ndarray, num_samples: int, seed: int
) -> ChooseScale:
    """Chooses the scale of the lowest NLL of held-out images, in steps of the square root of 2 from the layer's own.

    Args:
        model: Trained; the last layer is its last.
        batches: Held-out images, as pairs with labels that are not read.
        labels: int32 `[num_examples]`.
        num_samples: See `fit_head_covariance`.
        seed: Of the draws.
    """

    def choose(head: VariationalKernel, curvature: np.ndarray) -> float:
        features = features_of(model, head, batches, num_samples, seed)

        def nll(scale: float) -> float:
            cast(tf.Variable, head.covariance_factor).assign(factor_of(curvature, scale))
            return _negative_log_likelihood(head, features, labels, seed)

        return lowest(nll, head.variational.covariance_scale / math.sqrt(head.loc.shape[0]))

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


def _negative_log_likelihood(head: DenseFlipout, features: Moments, labels: np.ndarray, seed: int) -> float:
    """NLL in nats, of the mean probabilities over all draws of the logits behind all draws of the features."""
    posterior, variances = dense_posterior(head), features.variance
    probabilities = []
    for place, mean in enumerate(features.mean):
        moments = logit_moments(posterior, Moments(mean, None if variances is None else variances[place]))
        draws = tf.nn.softmax(draw_logits(moments, NUM_DRAWS, tf.constant([seed, place], tf.int64)))
        probabilities.append(tf.reduce_mean(draws, axis=0).numpy())
    of_labels = np.asarray(np.mean(probabilities, axis=0, dtype=np.float64))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_labels, np.finfo(np.float32).tiny)).mean())
