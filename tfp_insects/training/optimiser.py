"""One training step: gradients of the loss, and momentum SGD with a learning rate for each kind of weight."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.conversion import list_layers
from tfp_insects.bayes.divergence import all_layers
from tfp_insects.bayes.elbo import loss_and_logits

TrainStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class LayerMultipliers:
    """Multipliers of the schedule's learning rate.

    Attributes:
        layers: By the path of a layer, `base/dense` in a nested model; 1 where it is not named.
        scale: Of the posterior's scales (`kernel_log_ratio`), in whatever layer.
    """

    layers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    scale: float = 1.0


def make_optimiser(momentum: float, precision: str) -> tf_keras.optimizers.legacy.Optimizer:
    """SGD with momentum; under `mixed_float16` with a dynamic loss scale.

    Keras' older SGD updates a weight and its momentum in one fused operation on CPU and GPU. The newer one takes several
    passes over all weights, which is a fifth of a step of 60 million weights on a CPU.
    """
    # A variable made now: the one that Keras makes in the first step would be restored after the schedule has set it.
    learning_rate = tf.Variable(0.0, trainable=False, name="learning_rate")
    optimiser = tf_keras.optimizers.legacy.SGD(learning_rate, momentum=momentum)
    if precision == "mixed_float16":
        return tf_keras.mixed_precision.LossScaleOptimizer(optimiser)
    return optimiser


def create_momenta(optimiser: tf_keras.optimizers.legacy.Optimizer, model: tf_keras.Model) -> None:
    """Makes what an optimiser keeps for each weight of a model, where it is not there yet."""
    optimiser._create_all_weights(model.trainable_variables)  # Keras has no public way before the first step.


def optimiser_variables(optimiser: tf_keras.optimizers.legacy.Optimizer) -> list[tf.Variable]:
    """All that steps change of an optimiser: its counter, momenta, and loss scale."""
    scale = getattr(optimiser, "_loss_scale", None)  # Keras counts it among no variables.
    return [*optimiser.variables(), *getattr(scale, "_weights", {}).values()]


def make_train_step(
    model: tf_keras.Model, optimiser: tf_keras.optimizers.legacy.Optimizer, multipliers: LayerMultipliers
) -> TrainStep:
    """Compiles a step `(images, labels) -> (mean NLL of the batch in nats, number of correct answers)`.

    Images, or features in their stead, are float32 `[batch, ...]`, labels int32 `[batch]`. The loss itself is not returned:
    the divergence's gradient does not need its value, and where nobody asks for the value TensorFlow does not compute it.

    The step is traced once, at its first call. With few images a second trace costs a good part of an epoch: so the
    signature holds for batches of all sizes, and the momentum exists before. AutoGraph is off: no loop runs over tensors, and
    to rewrite the source takes longer than to trace it.
    """
    update = Update(model, optimiser, multipliers)
    signature = [tf.TensorSpec(model.input_shape, tf.float32), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=signature, autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        nll, logits = update(lambda: loss_and_logits(model, images, labels))
        return nll, num_correct(logits, labels)

    return step


class Update:
    """A change of a model's weights by the gradient of a loss; of replicas, by the sum of their gradients.

    Args:
        model: Its momentum is made now.
        optimiser: As `make_optimiser` gives it.
        multipliers: Of the learning rate.
    """

    def __init__(
        self, model: tf_keras.Model, optimiser: tf_keras.optimizers.legacy.Optimizer, multipliers: LayerMultipliers
    ) -> None:
        self._optimiser = optimiser
        self._variables = model.trainable_variables
        create_momenta(optimiser, model)  # Made within the step, they would have it traced twice.
        self._factors = [_multiplier(model, variable, multipliers) for variable in self._variables]
        self._is_scaled = hasattr(optimiser, "get_scaled_loss")

    def __call__(self, compute: Callable[[], tuple[tf.Tensor, ...]]) -> tuple[tf.Tensor, tf.Tensor]:
        """Changes the weights.

        Args:
            compute: Gives the loss, its likelihood term and the logits.

        Returns:
            Likelihood term and logits.
        """
        optimiser = self._optimiser
        with tf.GradientTape() as tape:
            loss, nll, logits = compute()
            objective = optimiser.get_scaled_loss(loss) if self._is_scaled else loss
        gradients = tape.gradient(objective, self._variables)
        if self._is_scaled:
            gradients = optimiser.get_unscaled_gradients(gradients)
        # SGD is linear in the gradient, so a factor of the gradient is a factor of the learning rate.
        scaled = [g if factor == 1.0 else factor * g for g, factor in zip(gradients, self._factors, strict=True)]
        optimiser.apply_gradients(zip(scaled, self._variables, strict=True))
        return nll, logits


def num_correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """How many labels `[batch]` are those of the largest logits `[batch, num_classes]`, int32 scalar."""
    correct = tf.equal(tf.argmax(logits, axis=-1, output_type=labels.dtype), labels)
    return tf.reduce_sum(tf.cast(correct, tf.int32))


def _multiplier(model: tf_keras.Model, variable: tf.Variable, multipliers: LayerMultipliers) -> float:
    path, layer = next(entry for entry in list_layers(model) if any(variable is one for one in entry.layer.weights))
    if any(variable is getattr(part, "log_ratio", None) for part in all_layers(layer)):
        return multipliers.scale
    return multipliers.layers.get(path, 1.0)
