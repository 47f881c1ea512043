"""The loss: cross-entropy for a deterministic model, the negative evidence lower bound (ELBO) for a Bayesian one.

For one training image the negative ELBO is

    E_q[-log p(label | image, weights)] + kl_weight * KL(q || prior) / num_train_examples

with the expectation estimated by one Flipout draw. The Bayesian layers hold the second term in their `losses`, in training
alone; a deterministic model has none, so one function serves both. A `kl_weight` other than 1 tempers the posterior.

Keras adds a model's `losses` to the one that it is compiled with. So

    model.compile(optimizer, tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, labels)

minimises the negative ELBO too; validation losses have the first term alone. `outputs` says which loss goes with which model.
"""

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.outputs import LINEAR, output_activations


def negative_log_likelihood(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy in nats of int labels `[batch]` under logits `[batch, num_classes]`; float32 scalar."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
    return tf.reduce_mean(losses)


def loss_and_logits(model: tf_keras.Model, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """One training pass.

    Returns:
        The loss, its likelihood term (both float32 scalars, nats an image) and the logits `[batch, num_classes]`.

    Raises:
        ValueError: The model's outputs are probabilities, not logits.
    """
    logits = _training_logits(model, images)
    nll = negative_log_likelihood(labels, logits)
    return tf.add_n([nll, *model.losses]), nll, logits


def replica_loss_and_logits(
    model: tf_keras.Model, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, num_replicas: int
) -> tuple[tf.Tensor, ...]:
    """One replica's part of a training pass: summed over replicas, losses are those of `loss_and_logits` on all images.

    The divergence is the same in all replicas, so each has its share of it, and in the sum it counts once.

    Args:
        model: As for `loss_and_logits`.
        images: The replica's own.
        labels: int32 `[batch]`.
        weights: float32 `[batch]`: 1 / (number of images of all replicas), or 0 for an image that only fills a place.
        num_replicas: Of all processes.

    Returns:
        As `loss_and_logits`.

    Raises:
        ValueError: The model's outputs are probabilities, not logits.
    """
    logits = _training_logits(model, images)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
    nll = tf.reduce_sum(weights * losses)
    return tf.add_n([nll, *(loss / num_replicas for loss in model.losses)]), nll, logits


def _training_logits(model: tf_keras.Model, images: tf.Tensor) -> tf.Tensor:
    for kind in output_activations(model):
        if kind != LINEAR:
            raise ValueError(
                f"model ends in {kind}; expected logits: leave the last activation out, or use compile and fit"
            )
    return model(images, training=True)
