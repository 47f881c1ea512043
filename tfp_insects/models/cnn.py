"""The deterministic twin."""

import functools
import zlib
from typing import Any

import tf_keras

from tfp_insects.bayes.dropout import SeededDropout
from tfp_insects.models.alexnet import network as alexnet


def build_cnn(
    architecture: alexnet.Architecture, seed: int, dropout: float = 0.5, layer: type[SeededDropout] = SeededDropout
) -> tf_keras.Sequential:
    """AlexNet with point-estimate weights, He-normal starts and a last layer that starts at zero.

    Args:
        architecture: Widths, input and precision.
        seed: Integer that determines the initial weights and the dropout.
        dropout: Rate before the two wide dense layers; 0 leaves the layers out.
        layer: Kind of dropout.
    """
    return alexnet.build_sequential(
        architecture,
        functools.partial(_make, tf_keras.layers.Conv2D, seed),
        functools.partial(_make, tf_keras.layers.Dense, seed),
        dropout_factory(layer, dropout, seed),
    )


def dropout_factory(layer: type[SeededDropout], rate: float, seed: int) -> alexnet.MakeDropout | None:
    """Makes the dropout layers of `alexnet.build_sequential`, each with a seed of its own; none for a rate of 0."""
    if rate == 0.0:
        return None
    return lambda name, dtype: layer(rate, seed=layer_seed(name, seed), name=name, dtype=dtype)


def _make(kind: type[tf_keras.layers.Layer], seed: int, *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
    return kind(*sizes, name=name, kernel_initializer=initializer(name, seed), **kwargs)


def initializer(name: str, seed: int) -> tf_keras.initializers.Initializer:
    """Initial values of a layer's kernel: He normal (He et al. 2015), zero for the head; each layer has a seed of its own."""
    if name == alexnet.HEAD:
        return tf_keras.initializers.Zeros()
    return tf_keras.initializers.HeNormal(seed=layer_seed(name, seed))


def layer_seed(name: str, seed: int) -> int:
    """A seed for one layer, so that layers of equal shape differ; below 2**28."""
    return (zlib.crc32(name.encode()) + 7919 * seed) % (1 << 28)
