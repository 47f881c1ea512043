"""Copies of a model in which some layers are others."""

from collections.abc import Callable
from typing import TypeAlias

import tf_keras

from tfp_insects.bayes.conversion import list_layers
from tfp_insects.bayes.graph import is_graph

Layer: TypeAlias = tf_keras.layers.Layer


def clone_with(model: tf_keras.Model, replace: Callable[[str, Layer], Layer | None]) -> tf_keras.Model:
    """Clones a Sequential or Functional model, nested ones included; layers that are shared stay shared.

    Args:
        model: Built; it stays as it is.
        replace: Gives the layer that takes the place of one, from its path and itself; none for a copy with its weights.
    """
    paths = {id(layer): path for path, layer in list_layers(model)}
    made: dict[int, Layer] = {}
    copies: list[tuple[Layer, Layer]] = []

    def clone(layer: Layer) -> Layer:
        if id(layer) not in made:
            made[id(layer)] = make(layer)
        return made[id(layer)]

    def make(layer: Layer) -> Layer:
        if is_graph(layer):
            return tf_keras.models.clone_model(layer, clone_function=clone)
        found = replace(paths[id(layer)], layer)
        if found is None:
            found = type(layer).from_config(layer.get_config())
            copies.append((layer, found))
        return found

    result = tf_keras.models.clone_model(model, clone_function=clone)
    if not result.built:
        result.build(model.input_shape)
    for layer, copy in copies:
        copy.trainable = layer.trainable
        copy.set_weights(layer.get_weights())
    return result
