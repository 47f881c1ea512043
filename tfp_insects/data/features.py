"""Features that frozen layers gave, kept instead of images."""

import dataclasses
import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf


class FeatureStore:
    """Features of all examples in memory, or in a temporary file where they would take too much of it.

    Args:
        batches: Features `[batch, ...]`, batch by batch.
        labels: int32 `[num_examples]`.
        max_bytes: Largest size in memory; a larger store lives in a file that goes when the store does.
        directory: Where that file is made.
    """

    def __init__(self, batches: Iterable[np.ndarray], labels: np.ndarray, max_bytes: int, directory: Path) -> None:
        self.labels = labels
        iterator = iter(batches)
        first = next(iterator)
        self._features = _allocate((len(labels), *first.shape[1:]), first.dtype, max_bytes, directory)
        filled = 0
        for batch in itertools.chain([first], iterator):
            self._features[filled : filled + len(batch)] = batch
            filled += len(batch)
        if filled != len(labels):
            raise ValueError(f"batches hold {filled} examples; there are {len(labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, batch_size: int) -> "Batches":
        """Batches `(features, labels)` in the examples' order, which can be iterated again and again."""
        return Batches(lambda: self._batches(np.arange(len(self)), batch_size))

    def shuffled_batches(self, batch_size: int, seed: int, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Batches in an order that is a function of (seed, epoch)."""
        return self._batches(np.random.default_rng([seed, epoch]).permutation(len(self)), batch_size)

    def _batches(self, order: np.ndarray, batch_size: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for first in range(0, len(order), batch_size):
            # Sorted within the batch, so that a file is read forwards; a mean over the batch has no order.
            chosen = np.sort(order[first : first + batch_size])
            yield tf.convert_to_tensor(self._features[chosen]), tf.convert_to_tensor(self.labels[chosen])


@dataclasses.dataclass(frozen=True)
class Batches:
    """An iterable that starts anew each time."""

    start: Callable[[], Iterator[tuple[tf.Tensor, tf.Tensor]]]

    def __iter__(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Iterates from the first batch."""
        return self.start()


class FeaturePipeline:
    """`TrainingPipeline` on features: the same interface, without decoding and augmentation.

    Args:
        store: Features of the training examples.
        batch_size: Examples in a batch; the last batch of an epoch may be smaller.
        seed: Integer.
    """

    def __init__(self, store: FeatureStore, batch_size: int, seed: int) -> None:
        self._store = store
        self._batch_size = batch_size
        self._seed = seed

    @property
    def num_examples(self) -> int:
        """Number of training examples."""
        return len(self._store)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self._store) // self._batch_size)

    def epoch(self, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The batches `(features, labels)` of one epoch."""
        return self._store.shuffled_batches(self._batch_size, self._seed, epoch)


def _allocate(shape: tuple[int, ...], dtype: np.dtype, max_bytes: int, directory: Path) -> np.ndarray:
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes <= max_bytes:
        return np.empty(shape, dtype)
    # The file has no name, so it cannot be left behind; it lives as long as the map.
    with tempfile.TemporaryFile(dir=directory) as file:
        return np.memmap(file, dtype, "w+", shape=shape)
