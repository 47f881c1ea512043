from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.models import ALEXNET_SCOPES

from tfp_insects.bayes.divergence import kl_divergence, layers_with_prior, set_kl_weight
from tfp_insects.bayes.elbo import loss_and_logits
from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.models.l2sp import PenalisedDense, build_l2sp

NARROW = NetworkSpec(ALEXNET, num_classes=4, image_size=63, width_multiplier=0.05)
NUM_TRAIN_EXAMPLES = 40
PRIORS = {
    "pretrained": {"kind": "pretrained", "scale": 0.5, "floor": 0.2},
    "normal": {"kind": "normal", "scale": 0.1},
    "scaled_normal": {"kind": "scaled_normal", "scale": 2.0},
}


def dense(kind: str, dtype: str = "float32") -> tuple[PenalisedDense, np.ndarray]:
    """A layer that has moved away from its start, and the start."""
    layer = PenalisedDense(3, prior=Prior(**PRIORS[kind]), num_train_examples=NUM_TRAIN_EXAMPLES, dtype=dtype)
    layer.build(tf.TensorShape([None, 8]))
    rng = np.random.default_rng(0)
    start = rng.normal(size=(8, 3)).astype(np.float32)
    layer.centre_on(start, np.zeros(3, np.float32))
    layer.kernel.assign(start + rng.normal(size=(8, 3)))
    return layer, start


def prior_of(kind: str, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale of the prior, written out."""
    if kind == "pretrained":
        return start, 0.5 * np.maximum(np.abs(start), 0.2 * np.sqrt(np.mean(start**2)))
    return np.zeros_like(start), np.full_like(start, 0.1 if kind == "normal" else 2.0 / np.sqrt(8))


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_penalty_and_its_gradient_are_those_of_the_formula(kind: str, dtype: str) -> None:
    layer, start = dense(kind, dtype)
    loc, scale = prior_of(kind, start)
    kernel = layer.kernel.numpy()
    layer.kl_weight.assign(0.5)
    with tf.GradientTape() as tape:
        (penalty,) = layer.losses
    expected = 0.5 * np.sum(0.5 * ((kernel - loc) / scale) ** 2) / NUM_TRAIN_EXAMPLES
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)
    gradient = tape.gradient(penalty, layer.kernel)
    np.testing.assert_allclose(gradient, 0.5 * (kernel - loc) / scale**2 / NUM_TRAIN_EXAMPLES, rtol=1e-4, atol=1e-6)


def build(scope: str, hidden: str = "pretrained", **architecture: Any) -> tf_keras.Sequential:
    bayesian = Bayesian(
        scope, Variational.of({"prior": PRIORS[hidden]}), Variational.of({"prior": PRIORS["scaled_normal"]})
    )
    return build_l2sp(NetworkSpec(ALEXNET, 4, 63, 0.05, **architecture), bayesian, NUM_TRAIN_EXAMPLES, seed=0)


def pretrained_weights() -> dict[str, np.ndarray]:
    cnn = build_cnn(NARROW, seed=7, dropout=0.0)
    layers = [layer for layer in cnn.layers if layer.weights]
    return {
        f"{layer.name}/{part}": weight
        for layer in layers
        for part, weight in zip(("kernel", "bias"), layer.get_weights(), strict=True)
    }


@pytest.mark.parametrize("scope", ["head", "classifier"])
def test_penalised_layers_are_the_bayesian_ones_of_the_twin(scope: str) -> None:
    model = build(scope)
    assert tuple(layer.name for layer in layers_with_prior(model)) == ALEXNET_SCOPES[scope]


@pytest.mark.parametrize("section", ["hidden", "features", "head"])
def test_a_log_uniform_prior_is_refused(section: str) -> None:
    normal = {"prior": PRIORS["normal"]}
    sections = {"hidden": normal, "features": normal, "head": normal, section: {"prior": {"kind": "log_uniform"}}}
    bayesian = Bayesian("all", **{name: Variational.of(one) for name, one in sections.items()})
    message = rf"bnn\.{section}\.prior\.kind=log_uniform.* no bound at a weight of 0; choose a normal prior there"
    with pytest.raises(InputError, match=message):
        build_l2sp(NARROW, bayesian, NUM_TRAIN_EXAMPLES, seed=0)


def test_a_log_uniform_prior_of_layers_without_a_penalty_does_no_harm() -> None:
    bayesian = Bayesian(
        "head", Variational.of({"prior": {"kind": "log_uniform"}}), Variational.of({"prior": PRIORS["normal"]})
    )
    model = build_l2sp(NARROW, bayesian, NUM_TRAIN_EXAMPLES, seed=0)
    assert [layer.name for layer in layers_with_prior(model)] == ["classifier_6"]


def test_it_is_the_cnn_and_starts_without_penalty() -> None:
    model, cnn = build("classifier"), build_cnn(NARROW, seed=0, dropout=0.0)
    for one in (model, cnn):
        start_at(one, pretrained_weights(), ALEXNET)
    head = np.random.default_rng(1).normal(size=(205, 4))
    cnn.get_layer("classifier_6").kernel.assign(head)
    images = tf.constant(np.random.default_rng(2).normal(size=(3, 63, 63, 3)), tf.float32)
    assert float(kl_divergence(model)) == 0.0
    model.get_layer("classifier_6").kernel.assign(head)
    np.testing.assert_allclose(model(images, training=True), cnn(images, training=True), atol=1e-6)


def test_the_loss_holds_the_penalty_once_with_its_weight() -> None:
    model = build("classifier")
    start_at(model, pretrained_weights(), ALEXNET)
    for layer in layers_with_prior(model):
        layer.kernel.assign_add(tf.fill(layer.kernel.shape, 0.01))
    images = tf.constant(np.random.default_rng(2).normal(size=(3, 63, 63, 3)), tf.float32)
    labels = tf.constant([0, 1, 2])
    for weight in (1.0, 0.25):
        set_kl_weight(model, weight)
        loss, nll, _ = loss_and_logits(model, images, labels)
        expected = weight * float(kl_divergence(model)) / NUM_TRAIN_EXAMPLES
        assert expected > 0.1
        np.testing.assert_allclose(loss - nll, expected, rtol=1e-4)
