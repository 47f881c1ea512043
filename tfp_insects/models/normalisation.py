"""Statistics of batch normalisation in a network that starts at random."""

import itertools
from collections.abc import Iterable

import tensorflow as tf
import tf_keras

from tfp_insects.models.layer_groups import normalisations

NUM_BATCHES = 4


def settle_normalisations(model: tf_keras.Model, batches: Iterable[tf.Tensor]) -> None:
    """Sets the statistics of batch normalisation to the means over a few batches, each layer behind settled ones.

    Afterwards the network does of itself what it did with the statistics of a batch, and can train with them as they are.

    Args:
        model: Any; one without batch normalisation is left as it is.
        batches: Inputs `[batch, height, width, 3]`, of which the first few are used.
    """
    layers = normalisations(model)
    if not layers:
        return
    before = [(layer.trainable, layer.momentum) for layer in layers]
    for layer in layers:
        layer.trainable = True  # Else it is not updated.
    for place, batch in enumerate(itertools.islice(batches, NUM_BATCHES)):
        for layer in layers:
            layer.momentum = place / (place + 1)  # So that they become the mean over the batches.
        model(batch, training=True)
    for layer, (trainable, momentum) in zip(layers, before, strict=True):
        layer.trainable, layer.momentum = trainable, momentum
