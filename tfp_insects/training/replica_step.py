"""One training step of several replicas: each on its part of the batch, their gradients added up."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.elbo import replica_loss_and_logits
from tfp_insects.data.sharding import Share
from tfp_insects.training.optimiser import LayerMultipliers, Update, num_correct
from tfp_insects.training.replicas import Replicas

ReplicaStep = Callable[[tf.Tensor, tf.Tensor, Share], tuple[tf.Tensor, tf.Tensor]]


def make_replica_step(
    model: tf_keras.Model,
    optimiser: tf_keras.optimizers.legacy.Optimizer,
    multipliers: LayerMultipliers,
    replicas: Replicas,
) -> ReplicaStep:
    """Compiles a step `(images, labels, share) -> (sum of the NLL in nats, number of correct answers)`.

    Both figures are of the whole batch, of all processes. Images and labels are those of this process, as its share of the
    batch says; model and optimiser are made in the scope of the replicas.
    """
    with replicas.scope():
        update = Update(model, optimiser, multipliers)
    signature = [
        tf.TensorSpec(model.input_shape, tf.float32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([replicas.sharding.num_local], tf.int32),
        tf.TensorSpec([], tf.float32),
    ]

    def on_replica(images: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        number = replicas.local_number()
        with tf.device("CPU:0"):  # A GPU is given its own images alone.
            count = counts[number]
            # Where there is none left, one that another replica has fills the place, and weighs nothing.
            start = tf.minimum(tf.reduce_sum(counts[:number]), tf.size(labels) - 1)
            stop = start + tf.maximum(count, 1)
            images, labels = images[start:stop], labels[start:stop]
            is_counted = tf.cast(count > 0, tf.float32)
            weights = tf.fill(tf.shape(labels), is_counted / size)
        nll, logits = update(lambda: replica_loss_and_logits(model, images, labels, weights, replicas.num_replicas))
        return tf.stack([nll, is_counted * tf.cast(num_correct(logits, labels), tf.float32)])

    @tf.function(input_signature=signature, autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor, counts: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        nll, correct = tf.unstack(replicas.run(on_replica, images, labels, counts, size))
        return size * nll, tf.cast(correct, tf.int32)

    return lambda images, labels, share: step(
        images, labels, tf.constant(share.counts, tf.int32), tf.constant(share.size, tf.float32)
    )
