"""Features that frozen layers gave, kept instead of images."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfp_insects.data.nameless_file import NamelessFile
from tfp_insects.data.sharding import WHOLE, Sharding


class FeatureStore:
    """Features of all examples in memory, or in a temporary file where they would take too much of it.

    Args:
        batches: Features `[batch, ...]`, batch by batch.
        labels: int32 `[num_examples]`.
        max_bytes: Largest size in memory; a larger store lives in a file that goes when the store does.
        directory: Where that file is made.

    Raises:
        InputError: The file cannot be made or written.
    """

    def __init__(self, batches: Iterable[np.ndarray], labels: np.ndarray, max_bytes: int, directory: Path) -> None:
        self.labels = labels
        iterator = iter(batches)
        first = next(iterator)
        shape, all_batches = (len(labels), *first.shape[1:]), itertools.chain([first], iterator)
        if math.prod(shape) * first.dtype.itemsize <= max_bytes:
            self._features = _in_memory(all_batches, shape, first.dtype)
        else:
            self._features = _in_file(all_batches, shape, first.dtype, directory)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, batch_size: int) -> "Batches":
        """Batches `(features, labels)`, float32 and int32, in the examples' order; they can be iterated again and again."""
        return Batches(lambda: self._batches(np.arange(len(self)), batch_size, WHOLE))

    def shuffled_batches(
        self, batch_size: int, seed: int, epoch: int, sharding: Sharding = WHOLE
    ) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Batches, or a process's share of each, in an order that is a function of (seed, epoch)."""
        return self._batches(np.random.default_rng([seed, epoch]).permutation(len(self)), batch_size, sharding)

    def _batches(self, order: np.ndarray, batch_size: int, sharding: Sharding) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for first in range(0, len(order), batch_size):
            # Sorted within the batch, so that a file is read forwards; a mean over the batch has no order.
            chosen = np.sort(order[first : first + batch_size])
            if not sharding.is_whole:
                share = sharding.share(len(chosen))
                chosen = chosen[share.start : share.stop]
            # float32 as images are, whatever layers compute in: a training step has one signature.
            yield tf.cast(self._features[chosen], tf.float32), tf.convert_to_tensor(self.labels[chosen])


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
        sharding: Which examples of each batch this process reads; all by default.
    """

    def __init__(self, store: FeatureStore, batch_size: int, seed: int, sharding: Sharding = WHOLE) -> None:
        self._store = store
        self.batch_size = batch_size
        self._seed = seed
        self._sharding = sharding

    @property
    def num_examples(self) -> int:
        """Number of training examples."""
        return len(self._store)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self._store) // self.batch_size)

    def epoch(self, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """The batches `(features, labels)` of one epoch."""
        return self._store.shuffled_batches(self.batch_size, self._seed, epoch, self._sharding)


def _in_memory(batches: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    features = np.empty(shape, dtype)
    for start, batch in _placed(batches, shape[0]):
        features[start : start + len(batch)] = batch
    return features


def _in_file(batches: Iterable[np.ndarray], shape: tuple[int, ...], dtype: np.dtype, directory: Path) -> np.ndarray:
    # Written, not mapped: a write to a mapped file ends the process where the disk is full.
    file = NamelessFile(directory, "the features")
    for _, batch in _placed(batches, shape[0]):
        file.write(batch)
    return file.as_array(shape, dtype)


def _placed(batches: Iterable[np.ndarray], num_examples: int) -> Iterator[tuple[int, np.ndarray]]:
    """Each batch with the place of its first example; an error at the end where they are not as many as expected."""
    start = 0
    for batch in batches:
        yield start, batch
        start += len(batch)
    if start != num_examples:
        raise ValueError(f"batches hold {start} examples; there are {num_examples} labels")
