"""One training step: gradients of the loss, and momentum SGD with a learning rate for each kind of weight."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.elbo import loss_and_logits
from tfp_insects.models.alexnet import network as alexnet

TrainStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class LearningRates:
    """Learning rates as multiples of the schedule's.

    Attributes:
        features: Convolutions.
        head: The last layer, which is new.
        scale: The posterior's scale (`kernel_log_ratio`).
    """

    features: float = 1.0
    head: float = 1.0
    scale: float = 1.0


def make_optimiser(momentum: float, precision: str) -> tf_keras.optimizers.legacy.Optimizer:
    """SGD with momentum; under `mixed_float16` with a dynamic loss scale.

    Keras' older SGD updates a weight and its momentum in one fused operation on CPU and GPU. The newer one takes several
    passes over all weights, which is a fifth of AlexNet's step on a CPU.
    """
    # A variable made now: the one that Keras makes in the first step would be restored after the schedule has set it.
    learning_rate = tf.Variable(0.0, trainable=False, name="learning_rate")
    optimiser = tf_keras.optimizers.legacy.SGD(learning_rate, momentum=momentum)
    if precision == "mixed_float16":
        return tf_keras.mixed_precision.LossScaleOptimizer(optimiser)
    return optimiser


def make_train_step(
    model: tf_keras.Model, optimiser: tf_keras.optimizers.legacy.Optimizer, rates: LearningRates
) -> TrainStep:
    """Compiles a step `(images, labels) -> (mean NLL of the batch in nats, number of correct answers)`.

    Images, or features in their stead, are float32 `[batch, ...]`, labels int32 `[batch]`. The loss itself is not returned:
    the divergence's gradient does not need its value, and where nobody asks for the value TensorFlow does not compute it.

    The step is traced once, at its first call. With few images a second trace costs a good part of an epoch: so the
    signature holds for batches of all sizes, and the momentum exists before. AutoGraph is off: no loop runs over tensors, and
    to rewrite the source takes longer than to trace it.
    """
    variables = model.trainable_variables
    # Momentum that is made within the step has it traced twice; Keras has no public way to make it before.
    optimiser._create_all_weights(variables)
    factors = [_rate(model, variable, rates) for variable in variables]
    is_scaled = hasattr(optimiser, "get_scaled_loss")
    signature = [tf.TensorSpec(model.input_shape, tf.float32), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss, nll, logits = loss_and_logits(model, images, labels)
            objective = optimiser.get_scaled_loss(loss) if is_scaled else loss
        gradients = tape.gradient(objective, variables)
        if is_scaled:
            gradients = optimiser.get_unscaled_gradients(gradients)
        # SGD is linear in the gradient, so a factor of the gradient is a factor of the learning rate.
        scaled = [g if factor == 1.0 else factor * g for g, factor in zip(gradients, factors, strict=True)]
        optimiser.apply_gradients(zip(scaled, variables, strict=True))
        correct = tf.equal(tf.argmax(logits, axis=-1, output_type=labels.dtype), labels)
        return nll, tf.reduce_sum(tf.cast(correct, tf.int32))

    return step


def _rate(model: tf_keras.Model, variable: tf.Variable, rates: LearningRates) -> float:
    layer = next(layer for layer in model.layers if any(variable is weight for weight in layer.weights))
    if variable is getattr(layer, "log_ratio", None):
        return rates.scale
    if layer.name == alexnet.HEAD:
        return rates.head
    return rates.features if layer.name.startswith("features") else 1.0
