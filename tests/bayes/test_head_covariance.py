import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.head_covariance import fit_head_covariance, posterior_factor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import expected_entropy, predictive_entropy
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn

SCALE = 0.7


def variational(**options: Any) -> dict[str, Any]:
    return {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.1, **options}


def make_bnn(scope: str = "all", **head: Any) -> tf_keras.Sequential:
    architecture = NetworkSpec(ALEXNET, 4, 63, 0.05)
    return build_bnn(
        architecture, Bayesian(scope, Variational.of(variational()), Variational.of(variational(**head))), 40, seed=0
    )


def batches(num_images: int, seed: int = 0) -> list[tuple[tf.Tensor, tf.Tensor]]:
    images = np.random.default_rng(seed).normal(size=(num_images, 63, 63, 3))
    return [(tf.constant(images, tf.float32), tf.zeros([num_images], tf.int32))]


def test_the_covariance_is_the_closed_form() -> None:
    features = np.random.default_rng(0).normal(size=(3, 8, 5))
    precision = np.eye(5) / SCALE**2
    for draw in features:
        for phi in draw:
            precision += 0.5 * np.outer(phi, phi) / 3
    factor = np.float64(posterior_factor(features, SCALE))
    np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), rtol=1e-5, atol=1e-7)


def test_without_images_the_posterior_is_the_prior() -> None:
    np.testing.assert_allclose(posterior_factor(np.zeros([1, 0, 3]), SCALE), SCALE * np.eye(3), rtol=1e-6)


def test_half_is_the_least_bound_of_the_curvature_of_softmax() -> None:
    # Boehning 1992: H(p) = diag(p) - p p' is at most 1/2 (I - 1 1' / K), whose largest eigenvalue is 1/2.
    largest = 0.0
    for first in np.linspace(0.0, 1.0, 51):
        for second in np.linspace(0.0, 1.0 - first, 51):
            p = np.array([first, second, 1.0 - first - second])
            largest = max(largest, np.linalg.eigvalsh(np.diag(p) - np.outer(p, p)).max())
    assert largest == pytest.approx(0.5)


@pytest.mark.parametrize("scope", ["all", "head"])
def test_a_direction_of_training_images_is_surer_than_one_without(scope: str) -> None:
    model, training = make_bnn(scope, covariance_scale=8.0), batches(30)
    head = model.get_layer("classifier_6")
    prior = np.float64(head.covariance_factor)
    fit_head_covariance(model, training, num_samples=2, seed=0)
    fitted = np.float64(head.covariance_factor)
    inputs = tf_keras.Model(model.inputs, head.input)(training[0][0], training=False).numpy().astype(np.float64)
    seen = inputs.mean(0)
    unseen = np.linalg.svd(inputs)[2][-1]
    for direction, least, most in ((seen, 0.0, 0.3), (unseen, 0.95, 1.0)):
        ratio = np.linalg.norm(direction @ fitted) / np.linalg.norm(direction @ prior)
        assert least < ratio <= most


def test_the_features_second_moments_are_those_of_many_draws() -> None:
    spec = Variational(Prior("scaled_normal"), posterior_ratio=0.4)
    last = dataclasses.replace(spec, covariance_scale=2.0)
    model = tf_keras.Sequential(
        [
            tf_keras.Input([6]),
            DenseFlipout(5, "relu", variational=spec, seed=1),
            DenseFlipout(3, variational=last, seed=2),
        ]
    )
    images, (hidden, head) = np.float32(np.random.default_rng(0).normal(size=(20, 6))), model.layers
    fit_head_covariance(model, [(images, None)], num_samples=2, seed=0)
    kernels = [np.stack(hidden.sample_pair(tf.constant([0, i]))) for i in range(4000)]
    draws = np.maximum(images @ np.concatenate(kernels) + np.float64(hidden.bias), 0)
    second = np.einsum("sni,snj->ij", draws, draws) / len(draws)
    factor = np.float64(head.covariance_factor)
    found = 2 * (np.linalg.inv(factor @ factor.T) - np.eye(5) * 5 / 2.0**2)
    np.testing.assert_allclose(found, second, rtol=0.02, atol=0.005 * np.abs(second).max())


def test_the_covariance_of_the_leverage_has_a_scale_of_its_own() -> None:
    model, plain = (make_bnn("head", covariance_scale=8.0, leverage_scale=scale) for scale in (20.0, 0.0))
    for one in (model, plain):
        fit_head_covariance(one, batches(30), num_samples=1, seed=0)
    head, without = (one.get_layer("classifier_6") for one in (model, plain))
    np.testing.assert_allclose(head.covariance_factor, without.covariance_factor, rtol=1e-6)
    assert without.leverage_factor is None
    # Both have the same curvature, and other priors.
    num_inputs = head.loc.shape[0]
    curvatures = [
        np.linalg.inv(np.float64(factor) @ np.float64(factor).T) - np.eye(num_inputs) * num_inputs / scale**2
        for factor, scale in ((head.covariance_factor, 8.0), (head.leverage_factor, 20.0))
    ]
    np.testing.assert_allclose(*curvatures, atol=1e-3 * np.abs(curvatures[0]).max())
    assert make_bnn("head", leverage_scale=20.0).get_layer("classifier_6").leverage_factor is None


def test_layers_without_a_covariance_are_left_as_they_are() -> None:
    model = make_bnn()
    before = [weight.numpy() for weight in model.weights]
    fit_head_covariance(model, batches(3), num_samples=2, seed=0)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_it_repeats_under_a_seed() -> None:
    factors = []
    for _ in range(2):
        model = make_bnn(covariance_scale=8.0)
        fit_head_covariance(model, batches(5), num_samples=2, seed=3)
        factors.append(model.get_layer("classifier_6").covariance_factor.numpy())
    np.testing.assert_array_equal(*factors)


def test_images_unlike_those_of_the_training_make_draws_differ_more() -> None:
    model, training = make_bnn("head", covariance_scale=8.0), batches(40)
    fit_head_covariance(model, training, num_samples=1, seed=0)
    head = model.get_layer("classifier_6")
    inputs = tf_keras.Model(model.inputs, head.input)(training[0][0], training=False).numpy()
    unseen = np.linalg.svd(inputs)[2][-8:]
    other = unseen * np.linalg.norm(inputs, axis=1).mean()
    last = tf_keras.Sequential([head])
    epistemic = []
    for features in (inputs, other.astype(np.float32)):
        draws = MonteCarloPredictor(last).predict([(tf.constant(features), None)], 60, seed=1)
        epistemic.append((predictive_entropy(draws) - expected_entropy(draws)).mean())
    assert epistemic[1] > 2 * epistemic[0]


@pytest.mark.parametrize("section", ["hidden", "features"])
def test_other_layers_cannot_have_one(section: str) -> None:
    parts = {"hidden": variational(), "features": variational()}
    parts[section] = variational(covariance_scale=1.0)
    bayesian = Bayesian(
        "all", Variational.of(parts["hidden"]), Variational.of(variational()), Variational.of(parts["features"])
    )
    with pytest.raises(InputError, match=rf"bnn\.{section}\.covariance_scale: only the last layer"):
        build_bnn(NetworkSpec(ALEXNET, 4, 63, 0.05), bayesian, 40, seed=0)


def transfer(covariance_scale: float = 2.0) -> tf_keras.Model:
    """A nested base with a random layer, and a head that is not called classifier_6."""
    spec = Variational(Prior("scaled_normal"), posterior_ratio=0.3)
    base = tf_keras.Sequential(
        [tf_keras.Input([6]), DenseFlipout(5, "relu", variational=spec, seed=1, name="inner")], name="base"
    )
    inputs = tf_keras.Input([6])
    last = dataclasses.replace(spec, covariance_scale=covariance_scale)
    return tf_keras.Model(inputs, tf_keras.layers.Softmax()(DenseFlipout(3, variational=last, seed=2)(base(inputs))))


def test_the_last_bayesian_layer_of_any_model_gets_the_covariance_of_its_inputs() -> None:
    model = transfer()
    (head, inner), images = (
        (model.layers[-2], model.layers[1].layers[0]),
        np.float32(np.random.default_rng(0).normal(size=(9, 6))),
    )
    fit_head_covariance(model, [(images[:5], None), (images[5:], None)], num_samples=2, seed=3)
    seed = tf.random.experimental.stateless_fold_in(tf.constant([3, 0]), 0)
    features = [np.maximum(images @ kernel + inner.bias, 0) for kernel in inner.sample_pair(seed)]
    precision = np.eye(5) * 5 / 2.0**2 + 0.5 / 2 * sum(one.T @ one for one in features)
    factor = np.float64(head.covariance_factor)
    np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), rtol=1e-4, atol=1e-6)


def test_a_layer_within_a_nested_model_cannot_have_one() -> None:
    model = tf_keras.Sequential([tf_keras.Input([6]), transfer()])
    with pytest.raises(ValueError, match=r"layer 'dense_flipout.*' must be called once by the model itself"):
        fit_head_covariance(model, [(np.ones([2, 6], np.float32), None)], num_samples=2, seed=0)
