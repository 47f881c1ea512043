"""A Laplace posterior of the last layer of a trained network, whose other layers stay as they are.

The posterior is a normal around the trained kernel whose precision is the curvature of the loss there (MacKay 1992; of the
last layer alone: Kristiadi, Hein, Hennig 2020; Daxberger et al. 2021, "Laplace redux"). With softmax's curvature at its bound
of 1/2 (Böhning 1992), as in `head_covariance`, weights of different units are independent, and a unit's have the covariance

    covariance = (I / scale² + 1/2 sum_n phi_n phi_n')^-1

with phi_n the features of training image n. The bias stays a point estimate.

The prior's scale, N(0, scale²) for each weight, is the one under which the labels are most probable. Under the same normal
approximation the log marginal likelihood of K units with the trained kernel W is

    log p(labels | W) - |W|² / (2 scale²) - K/2 sum_i log(1 + scale² lambda_i)

with lambda_i the eigenvalues of 1/2 sum_n phi_n phi_n'. Its derivative is 0 where |W|² / scale² is the number of weights that
the images determine, K sum_i scale² lambda_i / (1 + scale² lambda_i) (MacKay 1992). The first falls with the scale and the
second rises, so there is one maximum. The kernel is not trained anew for another scale: it is the one of early stopping.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.optimize
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.convert import to_bayesian
from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.graph import input_tensor
from tfp_insects.bayes.head_covariance import CURVATURE, posterior_factor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.priors import Prior, Variational

# In units of 1 / sqrt(inputs), as `Prior("scaled_normal")` has them: beyond these, nothing of the answers changes any more.
MIN_SCALE, MAX_SCALE = 1e-4, 1e4

_POSTERIOR = Variational(prior=Prior("scaled_normal"), scale_per_weight=False, learn_scale=False, covariance_scale=1.0)


def with_last_layer_posterior(model: tf_keras.Model) -> tf_keras.Model:
    """Copies a trained network; the copy's last layer is a `DenseFlipout` whose posterior is still its prior's.

    Args:
        model: Sequential or Functional; its last layer that can be Bayesian is dense.

    Returns:
        A network to predict with. Training it is not what it is for.

    Raises:
        TypeError: No model of `tf_keras`.
        ValueError: It cannot be copied, or its last layer cannot be Bayesian.
    """
    return to_bayesian(model, num_train_examples=1, layers="last", variational=_POSTERIOR)


def last_layer_factor(model: tf_keras.Model) -> tf.Variable:
    """The square root A of the covariance A A' of the weights of each unit of the last layer, float32 `[inputs, inputs]`.

    Args:
        model: From `with_last_layer_posterior`.
    """
    return bayesian_layers(model)[-1].covariance_factor


def fit_last_layer_posterior(
    model: tf_keras.Model,
    batches: Iterable[tuple[Any, Any]],
    on_images: Callable[[float], object] = lambda number: None,
) -> float:
    """Finds the posterior of the last layer from the training images.

    Args:
        model: From `with_last_layer_posterior`.
        batches: Training images as predictions see them, and labels, which are not read.
        on_images: See `MonteCarloPredictor.predict`.

    Returns:
        The prior's scale that was chosen.
    """
    head = bayesian_layers(model)[-1]
    trunk = tf_keras.Model(model.inputs, input_tensor(model, head))
    predictor = MonteCarloPredictor(trunk, activation=lambda outputs: tf.cast(outputs, tf.float32))
    features = predictor.predict(batches, num_samples=1, seed=0, on_images=on_images)
    scale = most_likely_scale(head.loc.numpy(), curvature_eigenvalues(features[0]))
    last_layer_factor(model).assign(posterior_factor(features, scale))
    return scale


def curvature_eigenvalues(features: np.ndarray) -> np.ndarray:
    """Eigenvalues of 1/2 sum_n phi_n phi_n', float64 `[min(num_examples, num_inputs)]`; all others are 0.

    Args:
        features: float `[num_examples, num_inputs]`.
    """
    rows = features.astype(np.float64)
    products = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    return np.maximum(CURVATURE * np.linalg.eigvalsh(products), 0.0)


def log_marginal_likelihood(
    scale: float, kernel: np.ndarray, eigenvalues: np.ndarray, log_likelihood: float = 0.0
) -> float:
    """The log marginal likelihood of the labels under the normal approximation, in nats.

    Args:
        scale: Of the prior of each weight.
        kernel: Trained, float `[num_inputs, num_units]`.
        eigenvalues: See `curvature_eigenvalues`.
        log_likelihood: Of the labels under the trained kernel; it does not depend on the scale.
    """
    square, num_units = np.sum(np.square(kernel, dtype=np.float64)), kernel.shape[1]
    lost = 0.5 * square / scale**2 + 0.5 * num_units * np.log1p(scale**2 * eigenvalues).sum()
    return float(log_likelihood - lost)


def most_likely_scale(kernel: np.ndarray, eigenvalues: np.ndarray) -> float:
    """The prior's scale of highest marginal likelihood, between 1e-4 and 1e4 times 1 / sqrt(num_inputs).

    Args:
        kernel: Trained, float `[num_inputs, num_units]`.
        eigenvalues: See `curvature_eigenvalues`.
    """
    num_inputs, num_units = kernel.shape
    square = np.sum(np.square(kernel, dtype=np.float64))

    def surplus(log_variance: float) -> float:
        """Half the derivative with respect to the log of the variance, times 4; it falls."""
        determined = np.exp(log_variance) * eigenvalues
        return float(square * np.exp(-log_variance) - num_units * np.sum(determined / (1.0 + determined)))

    low, high = (2.0 * np.log(end / np.sqrt(num_inputs)) for end in (MIN_SCALE, MAX_SCALE))
    if surplus(low) <= 0.0 or surplus(high) >= 0.0:
        return float(np.exp(0.5 * (low if surplus(low) <= 0.0 else high)))
    return float(np.exp(0.5 * scipy.optimize.brentq(surplus, low, high, xtol=1e-10)))
