import collections
import gc
from pathlib import Path

import tensorflow as tf
from tensorflow.python.framework import ops

from tfp_insects.study.cells import Cell
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.graphs import graphs_forgotten
from tfp_insects.study.run_cell import CellRun


def num_tensors() -> int:
    gc.collect()
    return collections.Counter(type(one).__name__ for one in gc.get_objects())["EagerTensor"]


def test_a_cell_leaves_no_weights_in_memory(tiny_experiment: Experiment, tmp_path: Path) -> None:
    CellRun(Cell("bnn", 4, 0), tiny_experiment, tmp_path).run()  # What is made once for the whole process.
    before = num_tensors()
    CellRun(Cell("bnn", 4, 1), tiny_experiment, tmp_path).run()
    assert num_tensors() <= before


def test_gradients_from_outside_are_kept() -> None:
    @tf.custom_gradient
    def doubled(x: tf.Tensor) -> tuple:
        return 2.0 * x, lambda upstream: 3.0 * upstream

    outside = tf.function(doubled)
    outside(tf.constant(1.0))
    kept = set(ops.gradient_registry.list())
    with graphs_forgotten():
        tf.function(lambda x: doubled(x) + 1.0)(tf.constant(1.0))
        assert set(ops.gradient_registry.list()) > kept
    assert set(ops.gradient_registry.list()) == kept
    with tf.GradientTape() as tape:
        x = tf.Variable(1.0)
        y = outside(x)
    assert float(tape.gradient(y, x)) == 3.0
