"""A training step computes the products of layers that docs/performance.md counts, and no others."""

import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.priors import Variational
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

NUM_CONVOLUTIONS = 5
PRODUCTS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")
NARROW = NetworkSpec(ALEXNET, 4, 63, 0.05)


def products(model: tf_keras.Sequential) -> list[int]:
    """How many products forward, back to the inputs, and back to the kernels a step's results depend on."""
    step = make_train_step(model, make_optimiser(0.9, "float32"), LayerMultipliers())
    images, labels = tf.TensorSpec([None, 63, 63, 3], tf.float32), tf.TensorSpec([None], tf.int32)
    found = [op.type for op in needed(step.get_concrete_function(images, labels).graph)]
    return [found.count(product) for product in PRODUCTS]


def needed(graph: tf.Graph) -> set[tf.Operation]:
    """The operations that a function's outputs and side effects depend on; TensorFlow runs no others."""
    waiting, found = [output.op for output in graph.outputs] + list(graph.control_outputs), set()
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    return found


def make_bnn(learn_scale: bool, hidden: str = "scaled_normal") -> tf_keras.Sequential:
    head = {"prior": {"kind": "scaled_normal"}, "learn_scale": learn_scale}
    return build_bnn(
        NARROW,
        Bayesian("all", Variational.of({**head, "prior": {"kind": hidden}}), Variational.of(head)),
        num_train_examples=40,
        seed=0,
    )


def test_the_cnn_has_three_for_each_layer() -> None:
    assert products(build_cnn(NARROW, seed=0)) == [NUM_CONVOLUTIONS, NUM_CONVOLUTIONS - 1, NUM_CONVOLUTIONS]


def test_the_twin_with_a_fixed_scale_has_five() -> None:
    assert products(make_bnn(learn_scale=False)) == [
        2 * NUM_CONVOLUTIONS,
        2 * (NUM_CONVOLUTIONS - 1),
        NUM_CONVOLUTIONS,
    ]


def test_the_twin_that_learns_its_scale_has_six() -> None:
    assert products(make_bnn(learn_scale=True)) == [
        2 * NUM_CONVOLUTIONS,
        2 * (NUM_CONVOLUTIONS - 1),
        2 * NUM_CONVOLUTIONS,
    ]


@pytest.mark.parametrize("learn_scale", [True, False])
def test_the_twin_whose_scale_follows_its_mean_has_six(learn_scale: bool) -> None:
    assert products(make_bnn(learn_scale, "log_uniform")) == [
        2 * NUM_CONVOLUTIONS,
        2 * (NUM_CONVOLUTIONS - 1),
        2 * NUM_CONVOLUTIONS,
    ]
