"""No operation of a training step is for the CPU only: the traced step against TensorFlow's register of kernels.

TensorFlow's builds for CUDA register their GPU kernels on machines without a GPU too. Functions that XLA must compile have no
kernels: what it compiles for one device it compiles for all.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf
import tf_keras
from tensorflow.python.eager import context
from tensorflow.python.framework import kernels
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

from tfp_insects.bayes.priors import Variational
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

GPU_DEVICES = ("GPU", "DEFAULT")


@pytest.fixture(scope="module", autouse=True)
def _needs_a_build_with_gpu_kernels() -> None:
    if not any(kernel.device_type == "GPU" for kernel in kernels_of("Conv2D")):
        pytest.skip("this build of TensorFlow registers no GPU kernels")


def kernels_of(op_type: str) -> list[Any]:
    return list(kernels.get_registered_kernels_for_op(op_type).kernel)


def gpu_kernels(op: tf.Operation) -> list[Any]:
    """GPU kernels that take the operation's types."""

    def fits(kernel: Any) -> bool:
        return kernel.device_type in GPU_DEVICES and all(
            set(types(op.node_def.attr[constraint.name])) <= set(constraint.allowed_values.list.type)
            for constraint in kernel.constraint
        )

    return [kernel for kernel in kernels_of(op.type) if fits(kernel)]


def types(value: Any) -> list[int]:
    return list(value.list.type) or [value.type]


def operations(graph: tf.Graph) -> Iterator[tf.Operation]:
    """All operations that a graph runs, those of the functions that it calls too, but for those that XLA compiles."""
    for op in graph.get_operations():
        yield op
        if "_XlaMustCompile" in op.node_def.attr and op.get_attr("_XlaMustCompile"):
            continue
        for value in op.node_def.attr.values():
            if value.func.name:
                yield from operations(function_def_to_graph(context.context().get_function_def(value.func.name)))


def runs_on_the_host(op: tf.Operation) -> bool:
    """Whether the GPU's kernel keeps the results in the host's memory, as those for int32 do, which is where they compute.

    That is meant for shapes and counters. What is wider than a vector is data, and would travel to the host and back.
    """
    names = {name for kernel in gpu_kernels(op) for name in kernel.host_memory_arg}
    outputs = {argument.name for argument in op.op_def.output_arg}
    return op.type != "Const" and outputs <= names and any(is_wide(output) for output in op.outputs)


def is_wide(tensor: tf.Tensor) -> bool:
    return tensor.shape.rank is None or tensor.shape.rank > 1


def traced_step(model: tf_keras.Sequential, precision: str) -> tf.Graph:
    step = make_train_step(model, make_optimiser(0.9, precision), LayerMultipliers({"classifier_6": 2.0}))
    images, labels = tf.TensorSpec([None, 63, 63, 3], tf.float32), tf.TensorSpec([None], tf.int32)
    return step.get_concrete_function(images, labels).graph


def make_bnn(precision: str, hidden: str) -> tf_keras.Sequential:
    head = {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.1}
    architecture = NetworkSpec(ALEXNET, 4, 63, 0.05, precision)
    bayesian = Bayesian(
        "all",
        Variational.of({**head, "prior": {"kind": hidden}, "scale_per_weight": hidden != "log_uniform"}),
        Variational.of(head),
    )
    return build_bnn(architecture, bayesian, num_train_examples=40, seed=0)


@pytest.mark.parametrize(
    ("precision", "hidden"),
    [
        ("float32", "scaled_normal"),
        ("mixed_bfloat16", "log_uniform"),
        ("mixed_float16", "scaled_normal"),
        pytest.param("float32", "log_uniform", marks=pytest.mark.long),
        pytest.param("mixed_bfloat16", "scaled_normal", marks=pytest.mark.long),
        pytest.param("mixed_float16", "log_uniform", marks=pytest.mark.long),
    ],
)
def test_each_operation_of_the_twins_step_has_a_gpu_kernel(precision: str, hidden: str) -> None:
    ops = list(operations(traced_step(make_bnn(precision, hidden), precision)))
    found = {op.type for op in ops}
    assert {"Conv2D", "MatMul", "Conv2DBackpropFilter", "ResourceApplyKerasMomentum"} <= found  # The step is all there.
    without = sorted({f"{op.type} {op.name}" for op in ops if not gpu_kernels(op)})
    assert without == []
    on_the_host = sorted({f"{op.type} {op.name} {[o.shape for o in op.outputs]}" for op in ops if runs_on_the_host(op)})
    assert on_the_host == []


def test_each_operation_of_the_cnns_step_has_a_gpu_kernel() -> None:
    ops = list(operations(traced_step(build_cnn(NetworkSpec(ALEXNET, 4, 63, 0.05), seed=0), "float32")))
    assert sorted({f"{op.type} {op.name}" for op in ops if not gpu_kernels(op) or runs_on_the_host(op)}) == []


def test_an_operation_for_the_cpu_alone_is_found() -> None:
    with tf.Graph().as_default():
        strings = tf.strings.join([tf.constant("a"), tf.constant("b")])
        doubled = 2 * tf.ones([3, 4], tf.int32)
        scaled = 2.0 * tf.ones([3, 4])
    assert gpu_kernels(strings.op) == []
    assert runs_on_the_host(doubled.op)
    assert gpu_kernels(scaled.op)
    assert not runs_on_the_host(scaled.op)
