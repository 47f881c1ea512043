from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import set_kl_weight
from tfp_insects.bayes.elbo import loss_and_logits
from tfp_insects.bayes.priors import Variational
from tfp_insects.models.alexnet import table as alexnet
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

MakeModel = Callable[..., tf_keras.Sequential]
MULTIPLIERS = LayerMultipliers({"features_0": 0.5, "classifier_6": 4.0}, scale=0.25)
FACTORS = {
    "features_0/kernel_loc:0": 0.5,
    "features_0/kernel_log_ratio:0": 0.25,
    "features_0/bias:0": 0.5,
    "classifier_4/kernel:0": 1.0,
    "classifier_4/bias:0": 1.0,
    "classifier_6/kernel_loc:0": 4.0,
    "classifier_6/kernel_log_ratio:0": 0.25,
    "classifier_6/bias:0": 4.0,
}


def batch(seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.random.stateless_normal([8, 6], [seed, 0]), tf.range(8) % 3


def values(model: tf_keras.Model) -> dict[str, np.ndarray]:
    return {variable.name: variable.numpy() for variable in model.trainable_variables}


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_steps_are_momentum_sgd_with_a_learning_rate_for_each_kind_of_weight(
    make_model: MakeModel, precision: str
) -> None:
    model, twin = (make_model(noise_multiplier=0.0) for _ in range(2))
    for one in (model, twin):
        set_kl_weight(one, 0.5)
    optimiser = make_optimiser(0.9, precision)
    step = make_train_step(model, optimiser, MULTIPLIERS)
    velocity = {name: np.zeros_like(value) for name, value in values(model).items()}
    assert velocity.keys() == FACTORS.keys()
    for i, learning_rate in enumerate((0.1, 0.02, 0.3)):
        with tf.GradientTape() as tape:
            loss, expected_nll, logits = loss_and_logits(twin, *batch(i))
        gradients = tape.gradient(loss, twin.trainable_variables)
        for variable, gradient in zip(twin.trainable_variables, gradients, strict=True):
            name = variable.name
            velocity[name] = 0.9 * velocity[name] - learning_rate * FACTORS[name] * gradient.numpy()
            variable.assign_add(velocity[name])
        optimiser.learning_rate = learning_rate
        nll, num_correct = step(*batch(i))
        np.testing.assert_allclose(nll, expected_nll, rtol=1e-4)
        assert int(num_correct) == np.sum(np.argmax(logits, 1) == batch(i)[1].numpy())
        for name, expected in values(twin).items():
            np.testing.assert_allclose(values(model)[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_steps_are_traced_once_whatever_the_learning_rate_and_the_batch_size(
    make_model: MakeModel, precision: str
) -> None:
    model, optimiser = make_model(precision=precision), make_optimiser(0.9, precision)
    step = make_train_step(model, optimiser, LayerMultipliers())
    for i, batch_size in enumerate((8, 8, 3, 8)):
        optimiser.learning_rate = 0.1 * i
        set_kl_weight(model, i)
        step(*(part[:batch_size] for part in batch()))
    assert step.experimental_get_tracing_count() == 1


def test_only_float16_needs_a_loss_scale() -> None:
    for precision in ("float32", "mixed_bfloat16"):
        assert type(make_optimiser(0.9, precision)) is tf_keras.optimizers.legacy.SGD
    optimiser = make_optimiser(0.8, "mixed_float16")
    assert isinstance(optimiser, tf_keras.mixed_precision.LossScaleOptimizer)
    assert optimiser.dynamic
    assert float(optimiser.inner_optimizer.momentum) == pytest.approx(0.8)


def test_an_overflow_in_float16_skips_the_step_and_halves_the_scale(make_model: MakeModel) -> None:
    model, optimiser = make_model(precision="mixed_float16"), make_optimiser(0.9, "mixed_float16")
    step = make_train_step(model, optimiser, LayerMultipliers())
    optimiser.learning_rate = 0.1
    before, scale = values(model), float(optimiser.loss_scale)
    inputs, labels = batch()
    step(inputs * 1e4, labels)  # The gradient's sum over the batch is beyond 65504, the largest float16.
    assert float(optimiser.loss_scale) == scale / 2
    for name, value in values(model).items():
        np.testing.assert_array_equal(value, before[name])
    for _ in range(12):
        step(inputs, labels)
    for name, value in values(model).items():
        assert np.all(np.isfinite(value))
        assert not np.array_equal(value, before[name]), name


@pytest.mark.parametrize(("precision", "scope"), [("mixed_bfloat16", "all"), ("mixed_float16", "classifier")])
def test_the_twin_trains_in_low_precision(precision: str, scope: str) -> None:
    variational = {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.1}
    architecture = NetworkSpec(ALEXNET, 4, 63, 0.05, precision)
    model = build_bnn(
        architecture,
        Bayesian(scope, Variational.of(variational), Variational.of(variational)),
        num_train_examples=40,
        seed=0,
    )
    optimiser = make_optimiser(0.9, precision)
    step = make_train_step(model, optimiser, LayerMultipliers())
    optimiser.learning_rate = 0.01
    before = values(model)
    images, labels = tf.random.stateless_normal([8, 63, 63, 3], [0, 0]), tf.range(8) % 4
    losses = [float(step(images, labels)[0]) for _ in range(6)]
    assert np.all(np.isfinite(losses))
    for variable in model.trainable_variables:
        assert variable.dtype == tf.float32
        assert np.all(np.isfinite(variable))
        assert not np.array_equal(variable, before[variable.name]), variable.name


@pytest.mark.parametrize("name", ["cnn", "bnn"])
def test_frozen_features_do_not_move(name: str) -> None:
    architecture = NetworkSpec(ALEXNET, 4, 63, 0.05)
    variational = {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.1}
    scope = Bayesian("head", Variational.of(variational), Variational.of(variational))
    model = build_cnn(architecture, seed=0) if name == "cnn" else build_bnn(architecture, scope, 40, seed=0)
    frozen = [model.get_layer(row.name) for row in alexnet.CONVOLUTIONS]
    for layer in frozen:
        layer.trainable = False
    before = [layer.get_weights() for layer in frozen]
    optimiser = make_optimiser(0.9, "float32")
    step = make_train_step(model, optimiser, LayerMultipliers())
    optimiser.learning_rate = 0.5
    moving = model.get_layer("classifier_6").bias.numpy()
    for _ in range(2):
        step(tf.random.stateless_normal([8, 63, 63, 3], [0, 0]), tf.constant([0] * 7 + [1]))
    for layer, weights in zip(frozen, before, strict=True):
        for old, new in zip(weights, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    assert not np.allclose(model.get_layer("classifier_6").bias, moving)
