import collections
import gc
from pathlib import Path

import tensorflow as tf
from tensorflow.python.framework import ops

from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.experiment import Experiment
from tfp_insects.study.graphs import graphs_forgotten
from tfp_insects.study.run_one import OneRun


def num_living() -> collections.Counter[str]:
    """Of each kind of object."""
    gc.collect()
    return collections.Counter(type(one).__name__ for one in gc.get_objects())


def test_a_run_leaves_no_weights_and_no_images(tiny_experiment: Experiment, tmp_path: Path) -> None:
    # What is made once: TensorFlow keeps small constants until a seed is set, as before each test.
    OneRun(RunKey("bnn", 4, 0), tiny_experiment, tmp_path).run()
    before = num_living()
    OneRun(RunKey("bnn", 4, 1), tiny_experiment, tmp_path).run()
    after = num_living()
    for kind in ("EagerTensor", "ImageStore"):
        assert after[kind] <= before[kind]


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
