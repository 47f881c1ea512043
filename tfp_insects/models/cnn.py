"""The deterministic network."""

import tf_keras

from tfp_insects.bayes.dropout import SeededDropout
from tfp_insects.models.architecture import MakeDropout, NetworkSpec
from tfp_insects.models.initial_weights import layer_seed


def build_cnn(
    spec: NetworkSpec,
    seed: int,
    dropout: float = 0.5,
    layer: type[SeededDropout] = SeededDropout,
) -> tf_keras.Model:
    """A network with point-estimate weights, random starts and a last layer that starts at zero.

    Args:
        spec: The design, its widths, input and precision.
        seed: Integer that determines the initial weights and the dropout.
        dropout: Rate at the design's places of dropout; 0 leaves the layers out.
        layer: Kind of dropout.
    """
    return spec.architecture.build(spec, seed, dropout_factory(layer, dropout, seed))


def dropout_factory(layer: type[SeededDropout], rate: float, seed: int) -> MakeDropout | None:
    """Makes the dropout layers of `Architecture.build`, each with a seed of its own; none for a rate of 0."""
    if rate == 0.0:
        return None
    return lambda name, dtype: layer(rate, seed=layer_seed(name, seed), name=name, dtype=dtype)
