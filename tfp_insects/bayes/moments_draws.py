"""Draws from normals whose mean and covariance are known, one for each image."""

import numpy as np
import tensorflow as tf

from tfp_insects.bayes.moments import LogitMoments

_LOGITS = (1 << 31) - 1  # Folded into a seed in place of a layer's number.


def logits_seed(seed: tf.Tensor, sample: tf.Tensor) -> tf.Tensor:
    """The seed of the draws of logits for one draw of what lies before the dense layers.

    Args:
        seed: Of the whole prediction, int64 scalar.
        sample: The number of that draw, int64 scalar.
    """
    return tf.random.experimental.stateless_fold_in(tf.stack([seed, sample]), _LOGITS)


def draw_logits(moments: LogitMoments, num_draws: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws logits. All images share the noise, so that an image's draws do not depend on its batch.

    Args:
        moments: Mean `[batch, num_classes]` and covariance `[batch, num_classes, num_classes]`; it may be singular or 0.
        num_draws: Number of draws.
        seed: int32 or int64 `[2]`; equal seeds give equal draws.

    Returns:
        float32 `[num_draws, batch, num_classes]`.
    """
    num_classes = moments.mean.shape[-1]
    root = tf.linalg.cholesky(_definite(moments.covariance, num_classes))
    noise = balanced_normals(num_draws, num_classes, seed)
    return moments.mean + tf.einsum("bij,nj->nbi", root, noise)


def balanced_normals(num_draws: int, num_classes: int, seed: tf.Tensor) -> tf.Tensor:
    """Standard normals whose sample has mean 0 and, if it is large enough, covariance I: both without sampling error.

    Every second draw mirrors the one before (Hammersley and Morton 1956). If there are at least as many such pairs as
    classes, the classes' columns are made orthonormal (quadratic resampling: Barraquand 1995, "Numerical valuation of high
    dimensional multivariate European securities"), which keeps their distribution the same in all directions. The last of
    an odd number has no mirror image.

    Args:
        num_draws: Number of draws.
        num_classes: Their dimension.
        seed: int32 or int64 `[2]`; equal seeds give equal draws.

    Returns:
        float32 `[num_draws, num_classes]`.
    """
    num_pairs = (num_draws + 1) // 2
    noise = tf.random.stateless_normal([num_pairs, num_classes], seed)
    if num_pairs >= num_classes:
        orthonormal, root = tf.linalg.qr(noise)
        # Where a column's sign is the algorithm's choice, signs of different columns would depend on each other.
        noise = np.float32(np.sqrt(num_pairs)) * orthonormal * tf.sign(tf.linalg.diag_part(root))
    return tf.reshape(tf.stack([noise, -noise], axis=1), [2 * num_pairs, num_classes])[:num_draws]


def _definite(covariance: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Adds to the diagonal what rounding may have taken: a millionth of the trace, and what keeps 0 from failing."""
    jitter = 1e-6 * tf.linalg.trace(covariance) + 1e-12
    return covariance + jitter[:, tf.newaxis, tf.newaxis] * tf.eye(num_classes)
