"""Layers that training leaves as they are, so that their outputs can be computed once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import all_layers
from tfp_insects.bayes.graph import Part, is_graph, split_graph


def num_frozen_layers(model: tf_keras.Model) -> int:
    """Number of layers before the first that is trained, Bayesian, or random in training; 0 if none of them has weights.

    What only pads or reshapes images is not worth keeping in their stead. It is 0, too, where more than one tensor leads from
    these layers to the others.
    """
    return len(_frozen_part(model).nodes) if _is_worth_it(model) else 0


def without_frozen_layers(model: tf_keras.Model) -> tf_keras.Model:
    """The rest of the model, on the outputs of its frozen layers; it shares the model's layers."""
    (features,) = _frozen_part(model).targets
    return tf_keras.Model(features, model.outputs, name=f"{model.name}_without_frozen_layers")


def frozen_features(model: tf_keras.Model, batches: Iterable[tuple[tf.Tensor, tf.Tensor]]) -> Iterable[np.ndarray]:
    """Outputs of the frozen layers, batch by batch, in the layers' compute type.

    Args:
        model: A model with frozen layers.
        batches: Pairs of images `[batch, height, width, 3]` and labels.
    """
    (features,) = _frozen_part(model).targets
    frozen = tf_keras.Model(model.inputs, features)
    run = tf.function(lambda images: frozen(images, training=False), reduce_retracing=True, autograph=False)
    for images, _ in batches:
        yield run(images).numpy()


def frozen_weights(model: tf_keras.Model) -> Iterator[tuple[str, np.ndarray]]:
    """Names and values of the weights of the frozen layers, in their order."""
    for node in _frozen_part(model).nodes:
        for number, weights in enumerate(node.layer.get_weights()):
            yield f"{node.layer.name}/{number}", weights


def _is_worth_it(model: tf_keras.Model) -> bool:
    if not is_graph(model):
        return False
    part = _frozen_part(model)
    return len(part.targets) == 1 and any(node.layer.weights for node in part.nodes)


def _frozen_part(model: tf_keras.Model) -> Part:
    return split_graph(model, lambda layer: int(_changes(all_layers(layer))), num_stages=2)[0]


def _changes(layers: Sequence[Any]) -> bool:
    return any(
        layer.trainable_weights or hasattr(layer, "sample_pair") or isinstance(layer, tf_keras.layers.Dropout)
        for layer in layers
    )
