"""Which layers of a model belong to a group of its design."""

import tf_keras

from tfp_insects.bayes.conversion import Entry, list_layers, reason_to_stay
from tfp_insects.models.architecture import Architecture, groups_of

# What all kinds of batch normalisation are; Keras has no public name for it.
BATCH_NORMALISATION = tf_keras.layers.BatchNormalization.__mro__[1]


def entries_in(model: tf_keras.Model, architecture: Architecture, scope: str) -> list[Entry]:
    """Layers with weights to train, from input to output.

    Args:
        model: Either twin.
        architecture: Its design.
        scope: See `models.architecture.groups_of`.

    Raises:
        InputError: There is no such scope.
    """
    groups = groups_of(scope)
    return [
        entry
        for entry in list_layers(model)
        if entry.layer.trainable_weights and architecture.group_of(entry.path) in groups
    ]


def bayesian_entries(model: tf_keras.Model, architecture: Architecture, scope: str) -> list[Entry]:
    """Those of a deterministic model that have a posterior in its twin: plain convolutions and dense layers.

    Depthwise convolutions and normalisations stay point estimates.
    """
    return [
        entry
        for entry in entries_in(model, architecture, scope)
        if entry.path not in architecture.point_estimates and not reason_to_stay(entry.layer)
    ]


def normalisations(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """The layers of batch normalisation."""
    return [layer for _, layer in list_layers(model) if isinstance(layer, BATCH_NORMALISATION)]
