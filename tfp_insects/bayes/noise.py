"""Normal noise at the price of reading memory, and the seeds of a training step.

Replicas of `tf.distribute` train copies of one network, each on a part of the batch. Their noise is independent: each folds
its number into its seeds, and has a table of its own. The first replica, and a network that trains alone, have the noise of
number 0, with nothing folded in.
"""

import weakref
import zlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras


def layer_seed(name: str, seed: int) -> int:
    """A seed for one layer, so that layers of equal shape differ; below 2**28."""
    return (zlib.crc32(name.encode()) + 7919 * seed) % (1 << 28)


def replica_number() -> int:
    """The number of the replica of `tf.distribute` in which this is called, of all replicas; 0 outside of any."""
    context = tf.distribute.get_replica_context() if tf.distribute.has_strategy() else None
    return 0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group))


def step_seed(seed: int, step: tf.Tensor) -> tf.Tensor:
    """The seed of stateless random numbers of a training step, int64 `[2]`; another in each replica.

    Args:
        seed: Of the layer, or what else draws.
        step: int64 scalar.
    """
    pair = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    number = replica_number()
    return pair if number == 0 else tf.random.experimental.stateless_fold_in(pair, tf.constant(number, tf.int64))


def add_step(layer: tf_keras.layers.Layer, name: str) -> tf.Variable:
    """Adds a counter of training steps to a layer, int64 scalar, which each replica of `tf.distribute` counts for itself."""
    return layer.add_weight(
        name,
        [],
        tf.int64,
        "zeros",
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


@tf_keras.utils.register_keras_serializable(package="tfp_insects")
class NoiseTable:
    """A table of standard normals, read cyclically from a random place that depends on (seed, step) alone.

    Drawing 57 million normals anew costs as much as a whole training step of the CNN; reading them costs a hundredth of it.
    Within one step, places that do not overlap give independent normals. Over steps, the noise of one weight is a draw with
    replacement from the table: its mean and variance are those of the table, 0 and 1 up to `1 / sqrt(size)`.

    Args:
        size: Number of normals that one step reads at the most; the table holds at least `minimum_size`.
        longest: Length of the longest read. The table's head is repeated behind its end so that no read has to wrap.
        seed: Integer; equal seeds give equal tables.
        dtype: Floating-point type of the table.
        minimum_size: Smallest table, so that few weights still get many different values.
    """

    def __init__(
        self, size: int, longest: int, seed: int, dtype: tf.DType = tf.float32, minimum_size: int = 1 << 20
    ) -> None:
        self.size = max(size, minimum_size)
        self._longest = longest
        self._seed = seed
        self._dtype = tf.as_dtype(dtype)
        self._tables: dict[int, tf.Tensor] = {}  # By the number of the replica that reads it.

    def get_config(self) -> dict[str, Any]:
        """Plain configuration, from which `from_config` makes an equal table; layers hold it in theirs."""
        return {
            "size": self.size,
            "longest": self._longest,
            "seed": self._seed,
            "dtype": self._dtype.name,
            "minimum_size": self.size,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "NoiseTable":
        """Finds or makes the table of a plain configuration.

        Each layer in a file holds that of the table that they share, and tables of equal configuration are equal.
        """
        key = tuple(sorted(config.items()))
        table = _TABLES_IN_USE.get(key)
        if table is None:
            table = _TABLES_IN_USE[key] = cls(**config)
        return table

    def start(self, step: tf.Tensor) -> tf.Tensor:
        """Where the reads of a step begin: int32 scalar, uniform over the table."""
        return tf.random.stateless_uniform([], step_seed(self._seed, step), maxval=self.size, dtype=tf.int32)

    def read(self, step: tf.Tensor, position: int, shape: list[int]) -> tf.Tensor:
        """Normals of the given shape, `position` places behind the start of this step."""
        first = (self.start(step) + position) % self.size
        length = tf.TensorShape(shape).num_elements()
        if length > self._longest:
            raise ValueError(f"shape {shape} has {length} elements; the table was made for reads of {self._longest}")
        return tf.reshape(tf.slice(self._values(), [first], [length]), shape)

    def _values(self) -> tf.Tensor:
        number = replica_number()
        if number not in self._tables:
            # Made once, outside any graph that asks for it first.
            with tf.init_scope():
                normals = tf.random.stateless_normal([self.size], [self._seed, number], dtype=self._dtype)
                repeats = -(-self._longest // self.size)
                self._tables[number] = tf.concat([normals, tf.tile(normals, [repeats])[: self._longest]], 0)
        return self._tables[number]


_TABLES_IN_USE: weakref.WeakValueDictionary[tuple, NoiseTable] = weakref.WeakValueDictionary()
