"""The posterior of the last layer in which a unit's weights depend on one another: narrow where training images have been.

Independent weights are as uncertain of a feature that thousands of images had as of one that none had. The last layer is
linear in its features, so the posterior's covariance is known once the features are (matrix-normal posterior: Louizos and
Welling 2016). The softmax's curvature is at most 1/2 (Böhning 1992), and with that bound the covariance of a unit's weights,
the same for all units, is

    covariance = (I / scale² + 1/2 sum_n E_q[phi_n phi_n'])^-1

with phi_n the features of training image n: under draws of the layers before, or, where these are dense layers with ReLU,
E_q[phi phi'] = m m' + diag(v) with their mean m and variance v in closed form (`moments`), behind draws of what lies before
them. An image with features unlike those of all training images thus gets a spread of logits that is near the prior's.

How unlike those of all training images an image's features are is told by its *leverage*, phi' covariance phi / phi' phi. It
is near 0 where training images have been, and scale² where none had any of these features. In a regression phi' covariance
phi is an observation's leverage (Hoaglin and Welsch 1978, "The hat matrix in regression and ANOVA"); here the length of the
features is left out, since it says how strongly a network responds to anything. The scale of this covariance need not be that
of the predictions (`leverage_scale`).

It is found after training, which has independent weights, and used by predictions alone.
"""

from collections.abc import Callable, Iterable

import numpy as np
import scipy.linalg
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.graph import input_tensor
from tfp_insects.bayes.moments import Moments
from tfp_insects.bayes.moments_layers import TailMoments
from tfp_insects.bayes.moments_tail import NoMomentsError, Tail, find_tail
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.variational_kernel import VariationalKernel

CURVATURE = 0.5


# Of a last layer and its curvature, the scale of the prior of each weight.
ChooseScale = Callable[[VariationalKernel, np.ndarray], float]


def posterior_factor(features: np.ndarray, scale: float, variance: np.ndarray | None = None) -> np.ndarray:
    """A square root A of the covariance A A' of a unit's weights.

    Args:
        features: float `[num_draws, num_examples, num_inputs]`; their means where they have a variance.
        scale: Of the prior of each weight.
        variance: Of independent features, the same shape; none where they are known in each draw.

    Returns:
        float32 `[num_inputs, num_inputs]`, upper triangular.
    """
    return factor_of(curvature_of(features, variance), scale)


def curvature_of(features: np.ndarray, variance: np.ndarray | None = None) -> np.ndarray:
    """What training images add to the precision, `1/2 sum_n E_q[phi_n phi_n']`: float64 `[num_inputs, num_inputs]`.

    The arguments are those of `posterior_factor`.
    """
    num_draws, _, num_inputs = features.shape
    curvature = np.zeros([num_inputs, num_inputs])
    for draw in features:
        rows = draw.astype(np.float64)  # One draw at a time, since there may be many images.
        curvature += CURVATURE / num_draws * (rows.T @ rows)
    if variance is not None:
        curvature += CURVATURE / num_draws * np.diag(variance.sum(axis=(0, 1), dtype=np.float64))
    return curvature


def factor_of(curvature: np.ndarray, scale: float) -> np.ndarray:
    """What `posterior_factor` returns, from `curvature_of` the features."""
    precision = curvature + np.eye(len(curvature)) / scale**2
    # precision = L L', so that A = (L')^-1 gives A A' = precision^-1.
    inverse, _ = scipy.linalg.lapack.dtrtri(scipy.linalg.cholesky(precision, lower=True), lower=1)
    return inverse.T.astype(np.float32)


def fit_head_covariance(
    model: tf_keras.Model,
    batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
    num_samples: int,
    seed: int,
    layer: VariationalKernel | None = None,
    on_images: Callable[[float], object] = lambda number: None,
    choose_scale: ChooseScale | None = None,
) -> float | None:
    """Gives the last layer its covariance, if it is to have one.

    Args:
        model: Trained; a Sequential or Functional model.
        batches: Training images as predictions see them, and labels.
        num_samples: Draws of the layers before the last, or of those before the dense ones that moments pass through.
        seed: Of these draws.
        layer: The dense layer whose posterior it is; by default the last Bayesian layer. It is left as it is if its
            configuration asks for no covariance (`covariance_scale`).
        on_images: See `MonteCarloPredictor.predict`.
        choose_scale: Chooses the scale of the prior, see `covariance_scale`; by default it is the layer's.

    Returns:
        The scale in the unit of `covariance_scale`, 1 / sqrt(inputs) of the layer; none if there is no covariance.

    Raises:
        ValueError: The layer is not called once by the model itself.
    """
    head = layer or next(reversed(bayesian_layers(model)), None)
    if head is None or head.covariance_factor is None:
        return None
    root = float(np.sqrt(head.loc.shape[0]))
    features = features_of(model, head, batches, num_samples, seed, on_images)
    curvature = curvature_of(features.mean, features.variance)
    scale = head.variational.covariance_scale / root if choose_scale is None else choose_scale(head, curvature)
    head.covariance_factor.assign(factor_of(curvature, scale))
    if head.leverage_factor is not None:
        head.leverage_factor.assign(factor_of(curvature, head.variational.leverage_scale / root))
    return scale * root


def features_of(
    model: tf_keras.Model,
    head: VariationalKernel,
    batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
    num_samples: int,
    seed: int,
    on_images: Callable[[float], object] = lambda number: None,
) -> Moments:
    """A last layer's inputs, float32 `[num_draws, num_examples, num_inputs]`; without a variance where they are drawn.

    The arguments are those of `fit_head_covariance`.
    """
    found = _features_predictor(model, head).predict(batches, num_samples, seed, on_images=on_images)
    mean, variance = found if isinstance(found, Moments) else (found, None)
    return Moments(mean.reshape(len(mean), -1, head.loc.shape[0]), variance)


def _features_predictor(model: tf_keras.Model, head: VariationalKernel) -> MonteCarloPredictor:
    """Draws a layer's inputs, or their moments where these pass."""
    tail = _tail_to(head, model)
    if tail is None:
        trunk = tf_keras.Model(model.inputs, input_tensor(model, head))
        return MonteCarloPredictor(trunk, activation=lambda outputs: tf.cast(outputs, tf.float32))
    moments = TailMoments(tail, uses_covariance=False)
    moments.refresh()
    return MonteCarloPredictor(tf_keras.Model(model.inputs, tail.inputs), activation=moments.features)


def _tail_to(head: VariationalKernel, model: tf_keras.Model) -> Tail | None:
    """The dense layers through which moments pass to a last layer, itself among them; none if there are no others."""
    try:
        tail = find_tail(model)
    except NoMomentsError:
        return None
    return tail if tail.layers[-1].layer is head and len(tail.layers) > 1 else None
