import json
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.noise import NoiseTable

LENGTHS = (7, 50, 20)  # Of three layers that share a table.


def tiny_table(seed: int = 3, size: int = sum(LENGTHS), longest: int = max(LENGTHS)) -> NoiseTable:
    return NoiseTable(size, longest, seed, minimum_size=1)


def read(table: NoiseTable, step: int, position: int, length: int) -> np.ndarray:
    return tf.cast(table.read(tf.constant(step, tf.int64), position, [length]), tf.float32).numpy()


def over_steps(draw: Callable[[tf.Tensor], tf.Tensor], dtype: tf.DType) -> np.ndarray:
    """What `draw` gives at 4000 steps."""
    steps = tf.range(4000, dtype=tf.int64)
    return tf.function(lambda: tf.map_fn(draw, steps, fn_output_signature=dtype))().numpy()


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_values_are_standard_normal(dtype: tf.DType) -> None:
    size = 1 << 20
    table = NoiseTable(10, size, seed=0, dtype=dtype)
    assert table.read(tf.constant(1, tf.int64), 0, [4, 5]).dtype == dtype
    values = np.float64(read(table, 1, 0, size))
    # Five standard errors; the fourth moment's variance is 96, and rounding to 8 bits moves no moment by 1e-4.
    assert abs(values.mean()) < 5 / np.sqrt(size)
    assert abs(values.var() - 1) < 5 * np.sqrt(2 / size) + 1e-4
    assert abs((values**4).mean() - 3) < 5 * np.sqrt(96 / size) + 1e-3
    assert abs((values > 0).mean() - 0.5) < 5 * 0.5 / np.sqrt(size)
    assert 4.0 < np.abs(values).max() < 6.5


def test_a_small_table_is_enlarged() -> None:
    assert NoiseTable(10, 10, seed=0).size == 1 << 20
    assert NoiseTable(10, 10, seed=0, minimum_size=1).size == 10


@pytest.mark.parametrize(("size", "longest"), [(77, 50), (10, 10), (10, 25)])
def test_reads_go_round_the_table(size: int, longest: int) -> None:
    table = tiny_table(size=size, longest=longest)
    start_0 = int(table.start(tf.constant(0, tf.int64)))
    values = np.array([read(table, 0, place - start_0, 1)[0] for place in range(size)])
    assert len(set(values)) == size
    wrapped = 0
    for step in range(40):
        start = int(table.start(tf.constant(step, tf.int64)))
        for position in (0, size // 2, size - 1):
            places = (start + position + np.arange(longest)) % size
            wrapped += places[-1] < places[0]
            np.testing.assert_array_equal(read(table, step, position, longest), values[places])
    assert wrapped > 0


def test_reads_of_different_layers_within_a_step_share_nothing() -> None:
    table = tiny_table()
    everything = np.sort(read(NoiseTable(77, 77, seed=3, minimum_size=1), 0, 0, 77))
    positions = np.cumsum((0, *LENGTHS[:-1]))
    for step in range(30):
        parts = [read(table, step, int(p), n) for p, n in zip(positions, LENGTHS, strict=True)]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), everything)


def test_values_are_a_function_of_seed_and_step() -> None:
    first, second = tiny_table(), tiny_table()
    second.read(tf.constant(9, tf.int64), 0, [5])  # What was read before does not matter.
    for step in (1, 2, 1 << 40):
        np.testing.assert_array_equal(read(first, step, 7, 50), read(second, step, 7, 50))
    assert not np.array_equal(read(first, 1, 0, 20), read(first, 2, 0, 20))
    assert not np.array_equal(read(first, 1, 0, 20), read(tiny_table(seed=4), 1, 0, 20))


def test_starts_are_uniform_over_the_table() -> None:
    table = NoiseTable(10, 10, seed=0)
    starts = over_steps(table.start, tf.int32)
    assert starts.min() >= 0
    assert starts.max() < table.size
    counts = np.bincount(starts * 16 // table.size, minlength=16)
    chi_squared = np.sum((counts - 250) ** 2) / 250
    assert chi_squared < 44.3  # The 99.99 % quantile at 15 degrees of freedom.


def test_steps_are_independent() -> None:
    table = NoiseTable(10, 20_000, seed=0)
    for step in range(5):
        first, second = (read(table, step + i, 0, 20_000) for i in (0, 1))
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(20_000)


def test_one_weight_over_many_steps_is_standard_normal_and_white() -> None:
    table = NoiseTable(10, 10, seed=0)
    weight = over_steps(lambda step: table.read(step, 5, [2]), tf.float32)
    assert np.all(np.abs(weight.mean(0)) < 5 / np.sqrt(4000))
    assert np.all(np.abs(weight.var(0) - 1) < 5 * np.sqrt(2 / 4000))
    assert abs(np.corrcoef(weight[1:, 0], weight[:-1, 0])[0, 1]) < 5 / np.sqrt(4000)
    assert abs(np.corrcoef(weight.T)[0, 1]) < 5 / np.sqrt(4000)


def test_a_table_first_read_in_a_graph_serves_others() -> None:
    table = tiny_table()
    compiled = tf.function(lambda step: table.read(step, 7, [5, 10]))
    np.testing.assert_array_equal(compiled(tf.constant(4, tf.int64)).numpy().ravel(), read(tiny_table(), 4, 7, 50))
    other = tf.function(lambda step: table.read(step, 7, [50]))
    np.testing.assert_array_equal(other(tf.constant(4, tf.int64)), read(table, 4, 7, 50))


def test_a_read_longer_than_promised_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \[3, 17\] has 51 elements; the table was made for reads of 50"):
        tiny_table().read(tf.constant(0, tf.int64), 0, [3, 17])


@pytest.mark.parametrize(("minimum_size", "dtype"), [(1, tf.float32), (1 << 10, tf.bfloat16)])
def test_the_configuration_makes_an_equal_table_again(minimum_size: int, dtype: tf.DType) -> None:
    table = NoiseTable(77, 50, 3, dtype, minimum_size)
    again = tf_keras.saving.deserialize_keras_object(
        json.loads(json.dumps(tf_keras.saving.serialize_keras_object(table)))
    )
    assert again.size == table.size
    for step in range(10):
        np.testing.assert_array_equal(read(again, step, 20, 50), read(table, step, 20, 50))
