import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from fixtures.moments_models import (
    NUM_CLASSES,
    built,
    convolution,
    dense,
    identity,
    images,
    in_batches,
    layers,
    make_twin,
)

from tfp_insects.bayes.dropout import MonteCarloDropout
from tfp_insects.bayes.moments import Moments, dense_moments, logit_moments, relu_moments
from tfp_insects.bayes.moments_layers import dense_posterior
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.moments_tail import moments_obstacle
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor


@pytest.mark.parametrize("covariance_scale", [0.0, 1.0], ids=["independent", "covariance"])
def test_behind_known_features_logits_have_the_mean_and_covariance_of_many_draws(covariance_scale: float) -> None:
    """One hidden layer: nothing is approximated but the variances' rank, which `exact` leaves whole."""
    model = built([layers.Flatten(), dense(40, 1, "relu"), dense(NUM_CLASSES, 2, covariance_scale=covariance_scale)])
    batches, num_pairs = in_batches(images(), 8), 500
    draws = np.float64(MonteCarloPredictor(model, activation=identity).predict(batches, 2 * num_pairs, 0))
    mean, covariance, _ = MomentsPredictor(model, exact=True).logit_moments(batches, 2, 0)
    assert mean.shape == (1, 8, NUM_CLASSES)
    assert covariance.shape == (1, 8, NUM_CLASSES, NUM_CLASSES)
    products = np.einsum("nbi,nbj->nbij", draws - mean, draws - mean)
    assert np.all(np.abs(draws.mean(0) - mean[0]) < 5 * draws.std(0) / np.sqrt(2 * num_pairs))
    assert np.all(np.abs(products.mean(0) - covariance[0]) < 5 * products.std(0) / np.sqrt(num_pairs))


@pytest.mark.parametrize("exact", [True, False])
def test_probabilities_are_near_those_of_many_draws(exact: bool) -> None:
    model, batches = make_twin(covariance_scale=1.0), in_batches(images(), 8)
    drawn = MonteCarloPredictor(model).predict(batches, 200, 1, 4)
    found = MomentsPredictor(model, exact=exact).predict(batches, 20, 1, 32)
    assert found.shape == (20 * 32, 8, NUM_CLASSES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(found.mean(0), drawn.mean(0), atol=0.05)
    np.testing.assert_allclose(found.std(0), drawn.std(0), atol=0.05)


@pytest.mark.parametrize("num_samples", [3, 4])
def test_what_lies_before_is_drawn_as_by_monte_carlo(num_samples: int) -> None:
    model, inputs = make_twin(), images()
    trunk = tf_keras.Model(model.inputs, model.layers[2].input)
    features = MonteCarloPredictor(trunk, activation=identity).predict(in_batches(inputs, 4), num_samples, 5)
    mean, covariance, _ = MomentsPredictor(model).logit_moments(in_batches(inputs, 4), num_samples, 5)
    for place in range(num_samples):
        expected = moments_by_hand(model, features[place])
        np.testing.assert_allclose(mean[place], expected[0], atol=1e-4)
        np.testing.assert_allclose(covariance[place], expected[1], atol=1e-3)


def test_one_pair_gives_what_lies_before_a_mean_and_a_variance() -> None:
    model, inputs = make_twin(), images()
    trunk = tf_keras.Model(model.inputs, model.layers[2].input)
    first, second = MonteCarloPredictor(trunk, activation=identity).predict(in_batches(inputs, 4), 2, 5)
    mean, covariance, _ = MomentsPredictor(model).logit_moments(in_batches(inputs, 4), 2, 5)
    expected = moments_by_hand(model, (first + second) / 2, ((first - second) / 2) ** 2)
    assert mean.shape == (1, 8, NUM_CLASSES)
    np.testing.assert_allclose(mean[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(covariance[0], expected[1], atol=1e-3)


def test_a_pair_behind_layers_that_no_draw_changes() -> None:
    inputs = images()
    stack = [layers.Conv2D(3, 3, name="fixed"), convolution(), layers.Flatten(), dense(NUM_CLASSES, 1)]
    model = built(stack)
    trunk = tf_keras.Model(model.inputs, model.layers[3].input)
    first, second = MonteCarloPredictor(trunk, activation=identity).predict(in_batches(inputs, 4), 2, 5)
    mean, *_ = MomentsPredictor(model).logit_moments(in_batches(inputs, 4), 2, 5)
    expected = ((first + second) / 2) @ model.layers[3].loc.numpy() + model.layers[3].bias.numpy()
    np.testing.assert_allclose(mean[0], expected, atol=1e-4)


def moments_by_hand(
    model: tf_keras.Model, features: np.ndarray, variance: np.ndarray | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    first, second, head = (dense_posterior(layer) for layer in model.layers[2:5])
    inputs = Moments(tf.constant(features), None if variance is None else tf.constant(variance))
    return logit_moments(head, relu_moments(dense_moments(second, relu_moments(dense_moments(first, inputs)))))


def test_one_sample_stands_at_the_mean_of_what_lies_before() -> None:
    model, inputs = make_twin(), images()
    features = model.layers[1](model.layers[0](inputs, training=False))
    mean, covariance, _ = MomentsPredictor(model).logit_moments(in_batches(inputs, 4), 1, 5)
    expected = moments_by_hand(model, features.numpy())
    np.testing.assert_allclose(mean[0], expected[0], atol=1e-4)
    np.testing.assert_allclose(covariance[0], expected[1], atol=1e-3)


@pytest.mark.parametrize("num_samples", [1, 2])
def test_without_noise_it_is_the_network_itself(num_samples: int) -> None:
    model, inputs = make_twin(covariance_scale=1.0, noise_multiplier=0.0), images()
    found = MomentsPredictor(model).predict(in_batches(inputs, 4), num_samples, 0, 8)
    expected = tf.nn.softmax(model(inputs, training=False))
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-5)


def test_an_image_alone_is_answered_as_in_its_batch() -> None:
    predictor, inputs = MomentsPredictor(make_twin(covariance_scale=1.0)), images(64)
    together = predictor.predict(in_batches(inputs, 64), 2, 3, 16)
    alone = predictor.predict(in_batches(inputs[:5], 1), 2, 3, 16)
    np.testing.assert_allclose(alone, together[:, :5], atol=1e-5)


def test_seeds_decide() -> None:
    predictor, batches = MomentsPredictor(make_twin()), in_batches(images(), 4)
    first, again, other = (predictor.predict(batches, 2, seed, 16) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_weights_are_those_of_the_moment() -> None:
    model, batches = make_twin(), in_batches(images(), 4)
    predictor = MomentsPredictor(model)
    predictor.predict(batches, 1, 0)
    for layer in (model.layers[3], model.layers[4]):
        layer.loc.assign(-layer.loc)
        layer.log_ratio.assign_add(tf.ones_like(layer.log_ratio))
    found = predictor.logit_moments(batches, 1, 0)
    expected = MomentsPredictor(model).logit_moments(batches, 1, 0)
    np.testing.assert_array_equal(found.covariance, expected.covariance)


def test_before_a_covariance_is_found_weights_are_independent() -> None:
    model, batches = make_twin(covariance_scale=1.0), in_batches(images(), 4)
    found = MomentsPredictor(model, uses_covariance=False).logit_moments(batches, 1, 0)
    plain = make_twin()
    for one, other in zip(plain.layers, model.layers, strict=True):
        if hasattr(one, "loc"):
            one.loc.assign(other.loc), one.bias.assign(other.bias), one.log_ratio.assign(other.log_ratio)
    np.testing.assert_allclose(
        found.covariance, MomentsPredictor(plain).logit_moments(batches, 1, 0).covariance, rtol=1e-5
    )


def test_a_learned_or_fixed_scale_of_the_whole_layer_needs_no_approximation() -> None:
    model = make_twin(scale_per_weight=False)
    batches = in_batches(images(), 4)
    moments = [MomentsPredictor(model, exact=exact).logit_moments(batches, 1, 0) for exact in (True, False)]
    assert np.abs(moments[0].covariance - moments[1].covariance).max() < 0.2 * moments[0].covariance.max()
    head = built([layers.Flatten(), dense(NUM_CLASSES, 1, scale_per_weight=False)])
    moments = [MomentsPredictor(head, exact=exact).logit_moments(batches, 1, 0) for exact in (True, False)]
    np.testing.assert_allclose(moments[0].covariance, moments[1].covariance, rtol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_low_precision_is_the_same_within_rounding(precision: str) -> None:
    batches = in_batches(images(), 4)
    low, full = (MomentsPredictor(make_twin(kind, 1.0)).predict(batches, 2, 0, 16) for kind in (precision, "float32"))
    assert low.dtype == np.float32
    np.testing.assert_allclose(low, full, atol=0.03)


def test_softmax_within_the_model_is_applied_to_draws_of_its_logits() -> None:
    stack = [layers.Flatten(), dense(20, 1, "relu"), dense(NUM_CLASSES, 2)]
    batches = in_batches(images(), 4)
    expected = MomentsPredictor(built(stack)).predict(batches, 1, 0, 16)
    within = built([layers.Flatten(), dense(20, 1, "relu"), dense(NUM_CLASSES, 2, "softmax")])
    behind = built([layers.Flatten(), dense(20, 1, "relu"), dense(NUM_CLASSES, 2), layers.Softmax()])
    for model in (within, behind):
        found = MomentsPredictor(model, activation=identity).predict(batches, 1, 0, 16)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_dropout_in_training_and_keras_own_layers_are_passed_as_the_network_passes_them() -> None:
    stack = [
        layers.Flatten(),
        dense(20, 1, posterior_ratio=1e-4),
        layers.ReLU(),
        layers.Dropout(0.5),
        layers.Dense(9, "relu"),
    ]
    model, inputs = built([*stack, dense(NUM_CLASSES, 2, posterior_ratio=1e-4)]), images()
    mean, *_ = MomentsPredictor(model).logit_moments(in_batches(inputs, 4), 1, 0)
    np.testing.assert_allclose(mean[0], model(inputs, training=False), atol=1e-3)


def test_what_moments_cannot_pass_is_drawn_if_it_lies_before_them() -> None:
    model = built([layers.Flatten(), dense(9, 1, "tanh"), MonteCarloDropout(0.5, seed=0), dense(NUM_CLASSES, 2)])
    assert moments_obstacle(model) is None
    batches = in_batches(images(), 8)
    drawn = MonteCarloPredictor(model).predict(batches, 300, 1, 4)
    found = MomentsPredictor(model).predict(batches, 300, 1, 16)
    np.testing.assert_allclose(found.mean(0), drawn.mean(0), atol=0.02)
    np.testing.assert_allclose(found.std(0), drawn.std(0), atol=0.02)


@pytest.mark.parametrize("num_samples", [1, 2, 4])
def test_answers_have_the_mean_leverage_where_the_last_layer_has_a_covariance(num_samples: int) -> None:
    model, batches = make_twin(covariance_scale=1.0), in_batches(images(), 4)
    predictor = MomentsPredictor(model)
    moments = predictor.logit_moments(batches, num_samples, 7)
    found = predictor.answer(moments, 16 * num_samples, 7)
    np.testing.assert_array_equal(found.probabilities, predictor.predict(batches, num_samples, 7, 16))
    np.testing.assert_allclose(found.leverage, moments.leverage.mean(0), rtol=1e-6)
    assert found.leverage.std() > 0.0
    for other in (MomentsPredictor(model, uses_covariance=False), MomentsPredictor(make_twin())):
        assert other.answer(other.logit_moments(batches, num_samples, 7), 16 * num_samples, 7).leverage is None
