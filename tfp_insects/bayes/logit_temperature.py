"""A temperature for the logits of a Bayesian network, built into its last layer once that is trained.

Few images and few epochs leave a last layer whose logits are too small, and averaging over weights makes answers less sure
still. One number mends that, as for point estimates (Guo et al. 2017): all logits are divided by a temperature, in each draw
of the weights. Of a linear last layer that is another posterior of its weights and biases, so nothing that predicts need know
of it.

The temperature T is the most probable one given held-out labels and a prior log T ~ N(0, 1/2²), that is, the lowest

    mean NLL at T + 1/2 (2 log T)² / num_examples.

A dozen images that are all answered rightly would else ask for boundless confidence; with hundreds the prior says nothing.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.moments_predictor import make_predictor
from tfp_insects.bayes.variational_kernel import VariationalKernel

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.1, 10.0
PRIOR_SCALE = 0.5  # Of the temperature's logarithm.
NUM_DRAWS = 64  # Of the logits, for each draw of the layers before.


def fit_logit_temperature(
    model: tf_keras.Model,
    batches: Iterable[tuple[Any, Any]],
    loss: Callable[[np.ndarray], float],
    num_samples: int,
    seed: int,
    on_images: Callable[[float], object] = lambda number: None,
) -> float:
    """The most probable temperature given held-out images, between 0.1 and 10.

    Args:
        model: Trained, images to logits.
        batches: Held-out images, as pairs with labels that are not read.
        loss: NLL of their probabilities, float32 `[num_draws, num_examples, num_classes]`, a mean over the images in nats.
        num_samples: Draws of the layers before the last, see `MomentsPredictor.predict`.
        seed: Of the draws.
        on_images: See there.
    """
    predictor = make_predictor(model, activation=lambda outputs: tf.cast(outputs, tf.float32))
    logits = predictor.predict(batches, num_samples, seed, NUM_DRAWS, on_images)

    def loss_at(log_temperature: float) -> float:
        surprise = 0.5 * (log_temperature / PRIOR_SCALE) ** 2 / logits.shape[1]
        return loss(scipy.special.softmax(logits / np.float32(math.exp(log_temperature)), axis=-1)) + surprise

    bounds = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    found = scipy.optimize.minimize_scalar(loss_at, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return math.exp(found.x)


def divide_logits(head: VariationalKernel, temperature: float) -> None:
    """Divides what a last layer gives in predictions by a temperature.

    Args:
        head: With a covariance (`head_covariance`), which predictions read in place of the scales of training.
        temperature: Above 0.

    Raises:
        ValueError: It has no covariance.
    """
    if head.covariance_factor is None:
        raise ValueError("head: expected a layer with a covariance; the scales of others are not divided")
    for variable in (head.loc, head.bias, head.covariance_factor):
        if variable is not None:
            variable.assign(variable / temperature)
