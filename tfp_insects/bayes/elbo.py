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
    for kind in output_activations(model):
        if kind != LINEAR:
            raise ValueError(
                f"model ends in {kind}; expected logits: leave the last activation out, or use compile and fit"
            )
    logits = model(images, training=True)
    nll = negative_log_likelihood(labels, logits)
    return tf.add_n([nll, *model.losses]), nll, logits
