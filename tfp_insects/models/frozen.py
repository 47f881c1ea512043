"""Layers that training leaves as they are, so that their outputs can be computed once."""

import itertools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.models.alexnet.network import run_layers
from tfp_insects.models.bnn import bayesian_layers


def num_frozen_layers(model: tf_keras.Sequential) -> int:
    """Number of layers before the first that is trained, Bayesian, or random in training; 0 if none of them has weights.

    What only pads or reshapes images is not worth keeping in their stead.
    """
    bayesian = bayesian_layers(model)
    layers = list(
        itertools.takewhile(
            lambda layer: (
                not (layer.trainable_weights or layer in bayesian or isinstance(layer, tf_keras.layers.Dropout))
            ),
            model.layers,
        )
    )
    return len(layers) if any(layer.weights for layer in layers) else 0


def without_frozen_layers(model: tf_keras.Sequential) -> tf_keras.Sequential:
    """The rest of the model, on the outputs of its frozen layers; it shares the model's layers."""
    first = num_frozen_layers(model)
    rest = tf_keras.Sequential(model.layers[first:], name=f"{model.name}_without_frozen_layers")
    rest.build(model.layers[first].input_shape)
    return rest


def frozen_features(model: tf_keras.Sequential, batches: Iterable[tuple[tf.Tensor, tf.Tensor]]) -> Iterable[np.ndarray]:
    """Outputs of the frozen layers, batch by batch, in the layers' compute type.

    Args:
        model: A model with frozen layers.
        batches: Pairs of images `[batch, height, width, 3]` and labels.
    """
    layers = model.layers[: num_frozen_layers(model)]
    run = tf.function(lambda images: run_layers(layers, images, {}), reduce_retracing=True, autograph=False)
    for images, _ in batches:
        yield run(images).numpy()
