"""Functions compiled by XLA: their values in and outside graphs, and what they leave behind."""

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes.compiled import compiled


class Pair(NamedTuple):
    first: tf.Tensor
    second: tf.Tensor


@compiled
def combine(pair: Pair, factor: float, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.cast(factor * pair.first, dtype), pair.first + pair.second


def expected(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 3.0 * first, first + second


FIRST = np.arange(6.0, dtype=np.float32).reshape(2, 3)
SECOND = np.float32(0.5)


@pytest.mark.parametrize("wrap", [lambda function: function, lambda function: tf.function(function, autograph=False)])
def test_values_types_and_shapes(wrap: Callable) -> None:
    static = []

    def call(first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        results = combine(Pair(first, second), 3.0, tf.float16)
        static.append([result.shape.as_list() for result in results])
        return results

    results = wrap(call)(tf.constant(FIRST), tf.constant(SECOND))
    assert [result.dtype for result in results] == [tf.float16, tf.float32]
    assert static == [[[2, 3], [2, 3]]]
    for result, wanted in zip(results, expected(FIRST, SECOND), strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_inside_a_loop_of_a_graph() -> None:
    @tf.function(autograph=False)
    def run(first: tf.Tensor) -> tf.Tensor:
        def body(step: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return step + 1, combine(Pair(value, tf.constant(SECOND)), 1.0, tf.float32)[1]

        return tf.while_loop(lambda step, value: step < 4, body, (tf.constant(0), first))[1]

    np.testing.assert_array_equal(run(tf.constant(FIRST)), FIRST + 4 * SECOND)


class _Mallinfo2(ctypes.Structure):
    """What glibc's function of that name returns; malloc.h says what the fields are."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    ]


def num_bytes_given_out() -> int:
    """Bytes that malloc has given out and not got back, garbage collected."""
    gc.collect()
    mallinfo2: Any = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo2
    found = mallinfo2()
    return found.uordblks + found.hblkhd


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallinfo2 is glibc's")
def test_graphs_that_call_one_leave_nothing_behind() -> None:
    """`tf.function(jit_compile=True)` in its place leaves some 25 kB for each graph."""

    def trace_and_call() -> None:
        tf.function(lambda first: combine(Pair(first, first), 2.0, tf.float32)[0], autograph=False)(tf.constant(FIRST))

    for _ in range(10):
        trace_and_call()
    before = num_bytes_given_out()
    for _ in range(50):
        trace_and_call()
    assert (num_bytes_given_out() - before) / 50 < 5_000
