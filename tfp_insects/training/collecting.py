"""SGD that goes on at a constant learning rate from a trained model, and the moments of its weights on the way.

The optimiser is new, so its momentum starts at zero: of a training the weights of its best epoch are left, not their
momentum. A collection that is broken off begins anew, and takes the same way again.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.swag import WeightMoments, WeightPosterior, read_weights
from tfp_insects.errors import InputError
from tfp_insects.training.fit import OnStep, TrainingInputs
from tfp_insects.training.optimiser import LayerMultipliers, make_train_step


@dataclasses.dataclass(frozen=True)
class Collection:
    """How snapshots are collected.

    Attributes:
        first_epoch: Number of the first of these epochs, those of the training before it counted from 0, so that order and
            augmentation are not those of the training again.
        num_snapshots: Epochs, at the end of each of which a snapshot is taken.
        rank: Of the last snapshots, how many deviations are kept, see `bayes.swag`.
        learning_rate: Constant.
        multipliers: Of the learning rate.
    """

    first_epoch: int
    num_snapshots: int
    rank: int
    learning_rate: float
    multipliers: LayerMultipliers = dataclasses.field(default_factory=LayerMultipliers)


def collect_posterior(
    inputs: TrainingInputs,
    optimiser: tf_keras.optimizers.legacy.Optimizer,
    collection: Collection,
    on_step: OnStep = lambda: None,
) -> WeightPosterior:
    """The posterior of the trained weights of a model, which is left where SGD went.

    Args:
        inputs: The trained model, or the part of it behind frozen layers, and its training batches.
        optimiser: As `make_optimiser` gives it, not used before.
        collection: How many snapshots, and how.
        on_step: Called after each step, for progress bars.

    Raises:
        InputError: Weights or loss are no finite numbers any more; the message says what to lower.
    """
    step = make_train_step(inputs.model, optimiser, collection.multipliers)
    optimiser.learning_rate = collection.learning_rate
    variables = inputs.model.trainable_variables
    moments = WeightMoments(read_weights(variables), collection.rank)
    for number in range(collection.num_snapshots):
        total = tf.zeros([])
        for images, labels in inputs.pipeline.epoch(collection.first_epoch + number):
            nll, _ = step(images, labels)
            total += nll
            on_step()
        _require_finite(float(total), number)
        with np.errstate(over="ignore", invalid="ignore"):  # Of weights that a last step broke: the posterior tells.
            moments.add(read_weights(variables))
    posterior = moments.posterior()
    _require_finite(float(posterior.variance.sum()), collection.num_snapshots - 1)
    return posterior


def _require_finite(value: float, number: int) -> None:
    if not math.isfinite(value):
        raise InputError(
            f"weights or loss became no finite number by epoch {number + 1} of collecting snapshots: lower "
            "swag.learning_rate and give the command again, in another work directory or after removing this run's",
            field="swag.learning_rate",
        )
