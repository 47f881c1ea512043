"""Normal noise at the price of reading memory."""

import weakref
import zlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras


def layer_seed(name: str, seed: int) -> int:
    """A seed for one layer, so that layers of equal shape differ; below 2**28."""
    return (zlib.crc32(name.encode()) + 7919 * seed) % (1 << 28)


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
        self._table: tf.Tensor | None = None

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
        seed = tf.stack([tf.cast(self._seed, tf.int64), tf.cast(step, tf.int64)])
        return tf.random.stateless_uniform([], seed, maxval=self.size, dtype=tf.int32)

    def read(self, step: tf.Tensor, position: int, shape: list[int]) -> tf.Tensor:
        """Normals of the given shape, `position` places behind the start of this step."""
        first = (self.start(step) + position) % self.size
        length = tf.TensorShape(shape).num_elements()
        if length > self._longest:
            raise ValueError(f"shape {shape} has {length} elements; the table was made for reads of {self._longest}")
        return tf.reshape(tf.slice(self._values(), [first], [length]), shape)

    def _values(self) -> tf.Tensor:
        if self._table is None:
            # Made once, outside any graph that asks for it first.
            with tf.init_scope():
                normals = tf.random.stateless_normal([self.size], [self._seed, 0], dtype=self._dtype)
                repeats = -(-self._longest // self.size)
                self._table = tf.concat([normals, tf.tile(normals, [repeats])[: self._longest]], 0)
        return self._table


_TABLES_IN_USE: weakref.WeakValueDictionary[tuple, NoiseTable] = weakref.WeakValueDictionary()
