"""A model with other classes: its last dense layer replaced, all weights random."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import tf_keras

from tfp_insects.bayes.graph import graph_nodes, input_tensor
from tfp_insects.bayes.noise import layer_seed
from tfp_insects.models.architecture import MakeDropout, NetworkSpec
from tfp_insects.models.cloning import clone_with

Layer: TypeAlias = tf_keras.layers.Layer
# What draws numbers of its own in training: dropout, noise and augmentation. Keras has no public name for it.
RANDOM_LAYER = tf_keras.layers.Dropout.__mro__[1]
# Layers that normalise images. What they do is part of the design, not of its weights.
NORMALISING = (tf_keras.layers.Rescaling, tf_keras.layers.Normalization)


def rebuilt(
    template: tf_keras.Model, head: str, spec: NetworkSpec, seed: int, make_dropout: MakeDropout | None
) -> tf_keras.Model:
    """A network of a template's layers with a last layer of its own, which gives logits and starts at zero.

    Layers keep their names and their ways to start at random, each under a seed of its own. Regularisers are left out: the
    recipe of the methods, or a prior, takes their place. So are layers that are random in training, since theirs would depend
    on the process and not on the seed: where dropout acts on vectors, or before the head if it does so nowhere, is a place of
    `make_dropout`.

    Args:
        template: Built; it stays as it is.
        head: Name of its last dense layer.
        spec: Classes and precision; the input is the template's.
        seed: Integer that determines the initial weights.
        make_dropout: Called with `name, dtype` for each place of dropout; none leaves it out.
    """
    features = input_tensor(template, template.get_layer(head))
    trunk = tf_keras.Model(template.inputs, features)
    places = [node.layer.name for node in graph_nodes(trunk) if is_place_of_dropout(node.layer)]

    def replace(path: str, layer: Layer) -> Layer | None:
        if isinstance(layer, NORMALISING):
            return None
        if isinstance(layer, RANDOM_LAYER):
            if path in places and make_dropout is not None:
                return make_dropout(name=layer.name, dtype=spec.precision)
            return tf_keras.layers.Identity(name=layer.name, dtype=spec.precision)
        return type(layer).from_config(_anew(layer, path, spec.precision, seed))

    body = clone_with(trunk, replace)
    outputs = body.outputs[0]
    if make_dropout is not None and not places:
        outputs = make_dropout(name=f"dropout_{head}", dtype=spec.precision)(outputs)
    dense = tf_keras.layers.Dense(spec.num_classes, kernel_initializer="zeros", name=head, dtype=spec.precision)
    logits = tf_keras.layers.Activation("linear", name="logits", dtype="float32")(dense(outputs))
    return tf_keras.Model(body.inputs, logits, name=spec.architecture.name)


def is_place_of_dropout(layer: Layer) -> bool:
    """Whether it is dropout of the numbers of a vector."""
    return (
        type(layer) is tf_keras.layers.Dropout and layer.noise_shape is None and len(layer.get_output_shape_at(0)) == 2
    )


def _anew(layer: Layer, path: str, precision: str, seed: int) -> dict[str, Any]:
    config = layer.get_config()
    if "function" in config:  # An operation of TensorFlow's, which computes in what it is given.
        return config
    own = {"dtype": precision, "trainable": True} | {name: None for name in config if name.endswith("_regularizer")}
    return _seeded({**config, **own}, path, seed)


def _seeded(config: Mapping[str, Any], path: str, seed: int) -> dict[str, Any]:
    """The configuration with a seed of its own for each initialiser that takes one."""
    return {
        name: _seeded(value, f"{path}/{name}", seed)
        if isinstance(value, Mapping)
        else layer_seed(path, seed)
        if name == "seed"
        else value
        for name, value in config.items()
    }
