"""Features that frozen layers gave, kept for all runs of a comparison: each image passes these layers once.

A run that finds its features here takes less time than one alone. So times of whole runs that share them say nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.data.features import Batches
from tfp_insects.data.pipeline import Examples
from tfp_insects.data.source import ImageSource
from tfp_insects.models.frozen import frozen_features, frozen_weights

Rows = dict[int, np.ndarray]  # By index into the source.


class KeptFeatures:
    """The features of each image, in memory."""

    def __init__(self) -> None:
        self._sources: list[ImageSource] = []
        self._rows: dict[tuple[str, int], Rows] = {}

    def of(
        self,
        model: tf_keras.Model,
        examples: Examples,
        read: Callable[[Examples], Iterable[tuple[tf.Tensor, tf.Tensor]]],
        on_computed: Callable[[int], None] = lambda count: None,
    ) -> list[np.ndarray]:
        """The features of some images, one array each, in their order; those that are not known yet are computed.

        Args:
            model: A model with frozen layers.
            examples: The images.
            read: Gives batches of the images that are not known.
            on_computed: Told of each batch of features that was computed: how many.
        """
        rows = self._rows.setdefault((_digest(model), self._number(examples.source)), {})
        is_missing = np.array([int(index) not in rows for index in examples.indices], bool)
        if is_missing.any():
            missing = Examples(examples.source, examples.indices[is_missing], examples.labels[is_missing])
            indices = iter(missing.indices)
            for batch in frozen_features(model, read(missing)):
                for row in batch:
                    rows[int(next(indices))] = row.copy()  # Not a view that would hold its whole batch.
                on_computed(len(batch))
        return [rows[int(index)] for index in examples.indices]

    def _number(self, source: ImageSource) -> int:
        """Which of the sources it is; they are held, so that none takes another's place."""
        places = [place for place, one in enumerate(self._sources) if one is source]
        if not places:
            self._sources.append(source)
        return places[0] if places else len(self._sources) - 1


def batches_of(features: list[np.ndarray], labels: np.ndarray, batch_size: int) -> Batches:
    """Batches `(features, labels)`, float32 and int32, that can be iterated again and again."""

    def start() -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for first in range(0, len(labels), batch_size):
            chosen = slice(first, first + batch_size)
            yield tf.cast(np.stack(features[chosen]), tf.float32), tf.convert_to_tensor(labels[chosen])

    return Batches(start)


def _digest(model: tf_keras.Model) -> str:
    """Of the frozen layers' names and weights: models that differ in these have other features."""
    digest = hashlib.sha256()
    for name, weights in frozen_weights(model):
        digest.update(f"{name} {weights.shape} {weights.dtype}".encode())
        digest.update(weights.tobytes())
    return digest.hexdigest()
