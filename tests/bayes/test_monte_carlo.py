from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.priors import Variational
from tfp_insects.models.architecture import SCOPES, NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn

NUM_IMAGES = 7
Batches = list[tuple[tf.Tensor, tf.Tensor]]


def variational(**options: Any) -> dict[str, Any]:
    return {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.8, **options}


def make_bnn(scope: str, precision: str = "float32") -> tf_keras.Sequential:
    architecture = NetworkSpec(ALEXNET, 4, 63, 0.05, precision)
    return build_bnn(
        architecture, Bayesian(scope, Variational.of(variational()), Variational.of(variational())), 40, seed=0
    )


def random_images() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(size=(NUM_IMAGES, 63, 63, 3)), tf.float32)


def in_batches(images: tf.Tensor, batch_size: int) -> Batches:
    places = range(0, len(images), batch_size)
    return [(images[i : i + batch_size], tf.zeros([len(images[i : i + batch_size])], tf.int32)) for i in places]


@pytest.fixture(scope="module")
def bnns() -> dict[str, tf_keras.Sequential]:
    return {scope: make_bnn(scope) for scope in SCOPES}


scopes = pytest.mark.parametrize("scope", SCOPES)


@scopes
def test_draws_repeat_under_a_seed_and_differ_from_each_other(scope: str, bnns: dict[str, tf_keras.Sequential]) -> None:
    batches = in_batches(random_images(), 4)
    first, again = (MonteCarloPredictor(bnns[scope]).predict(batches, 3, seed=5) for _ in range(2))
    assert first.shape == (3, NUM_IMAGES, 4)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first.sum(-1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(first, again)
    predictor = MonteCarloPredictor(bnns[scope])
    other = predictor.predict(batches, 3, seed=6)
    draws = [*first, *other]
    assert min(np.abs(a - b).max() for i, a in enumerate(draws) for b in draws[:i]) > 0.01
    np.testing.assert_array_equal(
        predictor.predict(batches, 5, seed=5)[:3], first
    )  # Fewer draws are the first of more.


@scopes
def test_an_images_answer_does_not_depend_on_its_batch(scope: str, bnns: dict[str, tf_keras.Sequential]) -> None:
    images, predictor = random_images(), MonteCarloPredictor(bnns[scope])
    expected = predictor.predict(in_batches(images, NUM_IMAGES), 2, seed=5)
    order = np.random.default_rng(1).permutation(NUM_IMAGES)
    for batch_size in (1, 3):
        found = predictor.predict(in_batches(tf.gather(images, order), batch_size), 2, seed=5)
        np.testing.assert_allclose(found, expected[:, order], atol=1e-5)
    alone = predictor.predict(in_batches(images[2:3], 1), 2, seed=5)
    np.testing.assert_allclose(alone, expected[:, 2:3], atol=1e-5)


@scopes
def test_a_draw_is_a_forward_pass_with_its_kernels_in_place_of_the_means(
    scope: str, bnns: dict[str, tf_keras.Sequential]
) -> None:
    images = random_images()
    found = MonteCarloPredictor(bnns[scope]).predict(in_batches(images, 4), 5, seed=5)
    assert len(found) == 5
    for draw in (2, 3, 4):
        model, seed = make_bnn(scope), tf.constant([5, draw // 2])
        for i, layer in enumerate(bayesian_layers(model)):
            layer.loc.assign(layer.sample_pair(tf.random.experimental.stateless_fold_in(seed, i))[draw % 2])
        np.testing.assert_allclose(found[draw], tf.nn.softmax(model(images, training=False)), atol=1e-5)


@scopes
def test_the_last_layer_is_drawn_several_times_for_each_draw_of_the_others(
    scope: str, bnns: dict[str, tf_keras.Sequential]
) -> None:
    images, num_last = random_images(), 3
    found = MonteCarloPredictor(bnns[scope]).predict(in_batches(images, 4), 3, 5, num_last)
    assert found.shape == (3 * num_last, NUM_IMAGES, 4)
    for draw, repeat in ((0, 0), (1, 2), (2, 1)):
        model, seed = make_bnn(scope), tf.constant([5, draw // 2])
        *shared, last = bayesian_layers(model)
        for place, layer in [*enumerate(shared), (len(shared) + repeat, last)]:
            layer.loc.assign(layer.sample_pair(tf.random.experimental.stateless_fold_in(seed, place))[draw % 2])
        expected = tf.nn.softmax(model(images, training=False))
        np.testing.assert_allclose(found[draw * num_last + repeat], expected, atol=1e-5)


def test_the_table_has_no_noise_for_several_draws_of_the_last_layer() -> None:
    predictor = MonteCarloPredictor(one_layer_model(), fresh_noise=False)
    with pytest.raises(ValueError, match="num_last_layer_samples is 2; the table has noise for 1 alone"):
        predictor.predict([(tf.ones([2, 4]), tf.zeros([2], tf.int32))], 2, 0, 2)


def test_mirror_images_cancel_what_is_odd_in_the_noise() -> None:
    model = one_layer_model()
    inputs = np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32)
    predictor = MonteCarloPredictor(model, activation=tf.identity)
    logits = predictor.predict([(tf.constant(inputs), tf.zeros([2], tf.int32))], 6, seed=0)
    mean = model(inputs, training=False)
    assert np.abs(logits - mean).max() > 0.1
    for first in (0, 2, 4):
        np.testing.assert_allclose(logits[first : first + 2].mean(0), mean, atol=1e-5)


def test_the_cnn_gives_one_sample() -> None:
    model, images = build_cnn(NetworkSpec(ALEXNET, 4, 63, 0.05), seed=0), random_images()
    model.get_layer("classifier_6").kernel.assign(np.random.default_rng(0).normal(0, 0.2, (205, 4)))
    found = MonteCarloPredictor(model).predict(in_batches(images, 4), num_samples=30, seed=0)
    assert found.shape == (1, NUM_IMAGES, 4)
    assert found.std() > 0.01
    np.testing.assert_allclose(found[0], tf.nn.softmax(model(images, training=False)), atol=1e-5)


def one_layer_model() -> tf_keras.Sequential:
    """Four inputs, three logits, with a scale of its own for each weight."""
    layer = DenseFlipout(3, variational=variational(num_train_examples=10), seed=1, name="classifier_6")
    model = tf_keras.Sequential([layer])
    model.build([None, 4])
    rng = np.random.default_rng(2)
    layer.log_ratio.assign_add(tf.constant(rng.normal(0, 0.5, (4, 3)), tf.float32))
    layer.bias.assign(rng.normal(0, 0.5, 3))
    layer.loc.assign(rng.normal(0, 0.5, (4, 3)))  # An initial value would depend on what tests came before.
    return model


def test_mean_and_variance_of_logits_equal_the_closed_form() -> None:
    model, num_pairs = one_layer_model(), 1500
    layer = model.layers[0]
    inputs = np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32)
    batches = [(tf.constant(inputs), tf.zeros([2], tf.int32))]
    probabilities = np.float64(MonteCarloPredictor(model).predict(batches, 2 * num_pairs, seed=0))
    differences = np.log(probabilities[..., 1:]) - np.log(
        probabilities[..., :1]
    )  # Softmax leaves differences of logits.
    mean = inputs @ layer.loc.numpy() + layer.bias.numpy()
    variance = inputs**2 @ layer.kernel_posterior.variance().numpy()
    expected_mean, expected_variance = mean[:, 1:] - mean[:, :1], variance[:, 1:] + variance[:, :1]
    np.testing.assert_allclose(differences.mean(0), expected_mean, atol=1e-5)
    assert np.all(np.abs(differences.var(0) / expected_variance - 1) < 5 * np.sqrt(2 / num_pairs))
    # One kernel for all images: their logits are correlated as a shared kernel makes them, not independent.
    centred = differences - differences.mean(0)
    shared = inputs[0] * inputs[1] @ layer.kernel_posterior.variance().numpy()
    covariance = shared[1:] + shared[0]
    spread = np.sqrt((expected_variance.prod(0) + covariance**2) / num_pairs)
    assert np.all(np.abs((centred[:, 0] * centred[:, 1]).mean(0) - covariance) < 5 * spread)


@scopes
def test_noise_from_the_table_gives_draws_of_the_same_spread(scope: str, bnns: dict[str, tf_keras.Sequential]) -> None:
    batches = in_batches(random_images(), NUM_IMAGES)
    cheap, again = (MonteCarloPredictor(bnns[scope], fresh_noise=False).predict(batches, 20, seed=5) for _ in range(2))
    np.testing.assert_array_equal(cheap, again)
    assert len({draw.tobytes() for draw in cheap}) == 20
    fresh = MonteCarloPredictor(bnns[scope]).predict(batches, 20, seed=5)
    assert 0.6 < cheap.std(0).mean() / fresh.std(0).mean() < 1.6
    spread = np.sqrt((cheap.var(0) + fresh.var(0)) / 20)
    assert np.all(np.abs(cheap.mean(0) - fresh.mean(0)) < 5 * spread)


def test_weights_are_those_of_the_moment() -> None:
    model = one_layer_model()
    batches = [(tf.ones([2, 4]), tf.zeros([2], tf.int32))]
    predictor = MonteCarloPredictor(model)
    before = predictor.predict(batches, 2, seed=0)
    model.layers[0].loc.assign_add(tf.constant([[1.0, 0.0, -1.0]] * 4))
    after = predictor.predict(batches, 2, seed=0)
    assert np.abs(before - after).max() > 0.1
    np.testing.assert_array_equal(after, MonteCarloPredictor(model).predict(batches, 2, seed=0))


def test_layers_of_equal_shape_draw_different_kernels() -> None:
    config = variational(num_train_examples=10)
    layers = [DenseFlipout(4, variational=config, seed=1, kernel_initializer="zeros", name=name) for name in "ab"]
    model = tf_keras.Sequential([tf_keras.layers.InputLayer([4]), *layers])
    shared, last = MonteCarloPredictor(model)._sample(tf.constant([0, 0]), 2)
    assert len(shared) == 1
    kernels = [shared[0][0], last[0][0], last[1][0]]
    assert min(np.abs(a - b).max() for i, a in enumerate(kernels) for b in kernels[:i]) > 0.1


class CountingBatches:
    """Counts how often it is iterated."""

    def __init__(self, batches: Batches) -> None:
        self.batches, self.count = batches, 0

    def __iter__(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        self.count += 1
        return iter(self.batches)


def test_images_are_read_once_for_all_draws_where_the_first_layers_are_deterministic(
    bnns: dict[str, tf_keras.Sequential],
) -> None:
    batches = CountingBatches(in_batches(random_images(), 4))
    MonteCarloPredictor(bnns["head"]).predict(batches, num_samples=5, seed=0)
    assert batches.count == 1


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_low_precision_gives_float32_probabilities(precision: str, bnns: dict[str, tf_keras.Sequential]) -> None:
    batches = in_batches(random_images(), 4)
    found = MonteCarloPredictor(make_bnn("classifier", precision)).predict(batches, 2, seed=5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-6)
    expected = MonteCarloPredictor(bnns["classifier"]).predict(batches, 2, seed=5)
    np.testing.assert_allclose(found, expected, atol=0.03)
