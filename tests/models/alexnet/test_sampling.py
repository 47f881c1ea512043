from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.models.alexnet.few_images import FewImagesPredictor
from tfp_insects.models.alexnet.sampling import DenseWeights, Weights, class_probabilities, weights_of
from tfp_insects.models.alexnet.table import CONVOLUTIONS
from tfp_insects.models.architecture import SCOPES, NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, bayesian_layers, build_bnn
from tfp_insects.models.cnn import build_cnn

NUM_IMAGES = 3
scopes = pytest.mark.parametrize("scope", SCOPES)


def variational(**options: Any) -> dict[str, Any]:
    return {"prior": {"kind": "scaled_normal"}, "posterior_ratio": 0.3, **options}


def make_bnn(
    scope: str, image_size: int = 63, precision: str = "float32", head: Mapping[str, Any] | None = None, **options: Any
) -> tf_keras.Sequential:
    """A twin whose scales differ from weight to weight, and whose biases are not zero."""
    architecture = NetworkSpec(ALEXNET, 4, image_size, 0.05, precision)
    model = build_bnn(
        architecture, Bayesian(scope, variational(**options), variational(**options, **(head or {}))), 40, seed=0
    )
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if hasattr(layer, "bias"):
            layer.bias.assign(rng.normal(0, 0.3, layer.bias.shape))
    for layer in bayesian_layers(model):
        layer.log_ratio.assign_add(tf.constant(rng.normal(0, 0.3, layer.log_ratio.shape), tf.float32))
        layer.loc.assign_add(tf.constant(rng.normal(0, 0.02, layer.loc.shape), tf.float32))
    return model


def random_images(image_size: int = 63) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(size=(NUM_IMAGES, image_size, image_size, 3)), tf.float32)


def run(weights: Weights, images: tf.Tensor, num_samples: int, seed: int = 5) -> np.ndarray:
    function = tf.function(lambda: class_probabilities(weights, images, tf.constant(seed, tf.int64), num_samples))
    return function().numpy()


def with_variance(weights: Weights, variance: float) -> Weights:
    common = tf.constant(variance)
    return weights._replace(dense={name: layer._replace(variance=common) for name, layer in weights.dense.items()})


@pytest.mark.parametrize("image_size", [63, 95, 227])
def test_point_estimates_give_what_the_cnn_gives(image_size: int) -> None:
    model, images = build_cnn(NetworkSpec(ALEXNET, 4, image_size, 0.05), seed=0), random_images(image_size)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "bias"):
            layer.bias.assign(rng.normal(0, 0.3, layer.bias.shape))
    model.get_layer("classifier_6").kernel.assign(rng.normal(0, 0.2, (205, 4)))
    found = run(weights_of(model), images, num_samples=30)
    assert found.shape == (1, NUM_IMAGES, 4)
    assert found.std() > 0.01
    np.testing.assert_allclose(found[0], tf.nn.softmax(model(images, training=False)), atol=1e-6)


@scopes
def test_without_noise_all_draws_are_the_means_answer(scope: str) -> None:
    model, images = make_bnn(scope, noise_multiplier=0.0), random_images()
    expected = tf.nn.softmax(model(images, training=False))
    found = run(weights_of(model), images, num_samples=2)
    np.testing.assert_allclose(found, [expected, expected], atol=1e-6)


def test_convolutions_draw_the_kernels_of_the_usual_prediction() -> None:
    model, images = make_bnn("all"), random_images()
    found = run(with_variance(weights_of(model), 0.0), images, num_samples=3)
    layers = bayesian_layers(model)[: len(CONVOLUTIONS)]
    means = [layer.loc.numpy() for layer in layers]
    for draw in range(3):
        for i, (layer, mean) in enumerate(zip(layers, means, strict=True)):
            layer.loc.assign(mean)
            seed = tf.random.experimental.stateless_fold_in(tf.constant([5, draw // 2]), i)
            layer.loc.assign(layer.sample_pair(seed)[draw % 2])
        np.testing.assert_allclose(found[draw], tf.nn.softmax(model(images, training=False)), atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_mean_and_variance_of_one_random_layer_equal_the_closed_form() -> None:
    model, num_pairs = make_bnn("head"), 4000
    images, head = random_images(), model.get_layer("classifier_6")
    inputs = tf_keras.Model(model.inputs, head.input)(images, training=False).numpy().astype(np.float64)
    probabilities = np.float64(run(weights_of(model), images, 2 * num_pairs))
    # Softmax leaves differences of logits.
    differences = np.log(probabilities[..., 1:]) - np.log(probabilities[..., :1])
    mean = inputs @ head.loc.numpy() + head.bias.numpy()
    variance = inputs**2 @ np.float64(head.kernel_posterior.variance())
    expected_mean, expected_variance = mean[:, 1:] - mean[:, :1], variance[:, 1:] + variance[:, :1]
    np.testing.assert_allclose(differences.mean(0), expected_mean, atol=1e-4)
    assert np.all(np.abs(differences.var(0) / expected_variance - 1) < 5 * np.sqrt(2 / num_pairs))


@pytest.mark.parametrize(
    ("options", "num_last"),
    [({}, 1), ({"temperature": 0.5, "covariance_scale": 3.0}, 3)],
    ids=["mean_field", "covariance"],
)
@scopes
def test_each_images_answer_is_distributed_as_if_all_weights_were_drawn(
    scope: str, options: dict[str, float], num_last: int
) -> None:
    model, images, num_samples = make_bnn(scope, head=options), random_images(), 400
    head = model.get_layer("classifier_6")
    if head.covariance_factor is not None:
        head.covariance_factor.assign_add(np.random.default_rng(3).normal(0, 0.02, head.covariance_factor.shape))
    batches = [(images, tf.zeros([NUM_IMAGES], tf.int32))]
    drawn = np.float64(MonteCarloPredictor(model).predict(batches, num_samples, 1, num_last))
    sampled = np.float64(FewImagesPredictor(model).predict(batches, num_samples, 2, num_last))
    assert drawn.shape == sampled.shape == (num_samples * num_last, NUM_IMAGES, 4)
    num_pairs = num_samples // 2
    for moment in (lambda draws: draws, lambda draws: np.square(draws - drawn.mean(0))):
        # The draws of a pair, and those of one draw of the layers before the last, depend on one another.
        first, second = (moment(draws).reshape(num_pairs, -1, NUM_IMAGES, 4).mean(1) for draws in (drawn, sampled))
        error = np.sqrt((first.var(0) + second.var(0)) / num_pairs)
        assert np.all(np.abs(first.mean(0) - second.mean(0)) < 5 * error)
    assert drawn.std(0).max() > 0.05


def test_a_common_variance_is_that_variance_for_each_weight() -> None:
    weights, images = weights_of(make_bnn("classifier")), random_images()
    dense = {name: layer._replace(variance=tf.fill(layer.loc.shape, 0.01)) for name, layer in weights.dense.items()}
    full = weights._replace(dense=dense)
    np.testing.assert_allclose(run(with_variance(weights, 0.01), images, 4), run(full, images, 4), atol=1e-6)


@scopes
def test_an_images_answer_does_not_depend_on_its_batch(scope: str) -> None:
    predictor, images = FewImagesPredictor(make_bnn(scope)), random_images()
    together = predictor.predict([(images, tf.zeros([3], tf.int32))], 4, seed=5)
    alone = predictor.predict([(images[i : i + 1], tf.zeros([1], tf.int32)) for i in (2, 0, 1)], 4, seed=5)
    np.testing.assert_allclose(alone[:, [1, 2, 0]], together, atol=1e-5)


@scopes
def test_draws_repeat_under_a_seed_and_differ_from_each_other(scope: str) -> None:
    weights, images = weights_of(make_bnn(scope)), random_images()
    first, again, other = (run(weights, images, 3, seed) for seed in (2**40, 2**40, 2**40 + 1))
    np.testing.assert_array_equal(first, again)
    draws = [*first, *other]
    assert min(np.abs(a - b).max() for i, a in enumerate(draws) for b in draws[:i]) > 0.005


def test_layers_of_equal_shape_get_different_noise() -> None:
    weights, image = weights_of(make_bnn("classifier")), random_images()[:1]
    num_features = weights.dense["classifier_1"].loc.shape[0]
    same = DenseWeights(tf.eye(4), tf.constant(0.0), tf.zeros([4]))
    ones = DenseWeights(tf.zeros([num_features, 4]), tf.constant(0.0), tf.ones([4]))
    # Of variance 1 for an input of ones, and far above the ReLU's kink.
    noise = DenseWeights(tf.zeros([4, 4]), tf.constant(0.25), tf.fill([4], 10.0))
    through_first = {"classifier_1": ones, "classifier_4": noise, "classifier_6": same}
    through_second = {"classifier_1": ones, "classifier_4": same, "classifier_6": noise}
    first, second = (run(weights._replace(dense=layers), image, 1) for layers in (through_first, through_second))
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_low_precision_gives_float32_probabilities(precision: str) -> None:
    batches = [(random_images(), tf.zeros([NUM_IMAGES], tf.int32))]
    found = FewImagesPredictor(make_bnn("all", precision=precision)).predict(batches, 2, seed=5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-6)
    np.testing.assert_allclose(found, FewImagesPredictor(make_bnn("all")).predict(batches, 2, seed=5), atol=0.05)
