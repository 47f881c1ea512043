"""The twin of any model, against the model."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from fixtures.any_models import branches, nested, random_images, randomised, sequential

from tfp_insects.bayes.convert import NEAR_THE_MODEL, to_bayesian
from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence
from tfp_insects.bayes.dropout import MonteCarloDropout
from tfp_insects.bayes.monte_carlo import predict_samples
from tfp_insects.bayes.priors import Prior, Variational

layers = tf_keras.layers
NUM_TRAIN_EXAMPLES = 30
WITHOUT_NOISE = dataclasses.replace(NEAR_THE_MODEL, noise_multiplier=0.0)
LEARNED = Variational(Prior("normal", scale=0.7), NUM_TRAIN_EXAMPLES, posterior_ratio=0.3)


makers = pytest.mark.parametrize("make", [sequential, branches, nested])


def assert_same(found: Any, expected: Any) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())


@makers
@pytest.mark.parametrize("training", [False, True])
def test_without_noise_the_twin_is_the_model(make: Callable[[], tf_keras.Model], training: bool) -> None:
    model = randomised(make())
    twin = to_bayesian(model, num_train_examples=NUM_TRAIN_EXAMPLES, variational=WITHOUT_NOISE)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert type(twin) is type(model)
    assert_same(twin(random_images(), training=training), model(random_images(), training=training))


@makers
def test_with_noise_it_is_not_and_each_draw_differs(make: Callable[[], tf_keras.Model]) -> None:
    model = randomised(make())
    twin = to_bayesian(model, num_train_examples=NUM_TRAIN_EXAMPLES)
    images = random_images()
    assert_same(twin(images), model(images))
    found, expected = (tf.nest.flatten(one(images, training=True))[0] for one in (twin, model))
    assert np.abs(found - expected).max() > 1e-3
    draws = tf.nest.flatten(predict_samples(twin, images, 4))[0]
    assert min(np.abs(a - b).max() for i, a in enumerate(draws) for b in draws[:i]) > 1e-4


@makers
def test_the_model_itself_stays_as_it_is(make: Callable[[], tf_keras.Model]) -> None:
    model = randomised(make())
    nodes = {id(layer): len(layer.inbound_nodes) for layer in model.layers}
    weights, expected = model.get_weights(), model(random_images())
    twin = to_bayesian(model, num_train_examples=NUM_TRAIN_EXAMPLES)
    for weight in twin.trainable_weights:
        weight.assign_add(tf.ones_like(weight))
    twin(random_images(), training=True)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert {id(layer): len(layer.inbound_nodes) for layer in model.layers} == nodes
    assert_same(model(random_images()), expected)


@makers
def test_the_divergence_is_that_of_tfps_distributions(make: Callable[[], tf_keras.Model]) -> None:
    twin = to_bayesian(randomised(make()), num_train_examples=NUM_TRAIN_EXAMPLES, variational=LEARNED)
    for i, layer in enumerate(bayesian_layers(twin)):
        layer.log_ratio.assign_add(tf.fill(layer.log_ratio.shape, 0.1 * i))
    expected = sum(
        np.sum(np.float64(tfp.distributions.kl_divergence(tfp.distributions.Normal(layer.loc, layer.posterior_scale()),
                                                          tfp.distributions.Normal(0.0, 0.7))))
        for layer in bayesian_layers(twin)
    )  # fmt: skip
    np.testing.assert_allclose(kl_divergence(twin), expected, rtol=1e-5)
    twin(random_images(), training=True)
    assert len(twin.losses) == len(bayesian_layers(twin))
    np.testing.assert_allclose(tf.add_n(twin.losses), expected / NUM_TRAIN_EXAMPLES, rtol=1e-5)


def test_arguments_of_the_layers_are_taken_over() -> None:
    twin = to_bayesian(sequential(), num_train_examples=NUM_TRAIN_EXAMPLES)
    wide, dilated, hidden, head = (twin.get_layer(name) for name in ("wide", "dilated", "hidden", "head"))
    assert (wide.kernel_size, wide.strides, wide.padding) == ((3, 5), (2, 1), "same")
    assert (dilated.dilation_rate, dilated.use_bias) == ((2, 1), False)
    assert wide.activation is tf_keras.activations.relu
    assert hidden.activation is tf.nn.leaky_relu
    assert [type(layer) for layer in (wide, dilated, hidden, head)] == [Convolution2DFlipout] * 2 + [DenseFlipout] * 2
    assert {layer.variational.num_train_examples for layer in bayesian_layers(twin)} == {NUM_TRAIN_EXAMPLES}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_each_layer_computes_in_the_type_of_its_own(policy: str) -> None:
    model = tf_keras.Sequential(
        [
            tf_keras.Input([4]),
            layers.Dense(5, activation="relu", dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.Dense(3, dtype="float32"),
        ]
    )
    twin = to_bayesian(model, num_train_examples=10, variational=WITHOUT_NOISE)
    assert [layer.compute_dtype for layer in twin.layers] == [layer.compute_dtype for layer in model.layers]
    inputs = np.random.default_rng(0).normal(size=(6, 4))
    np.testing.assert_allclose(twin(inputs), model(inputs), rtol=0, atol=1e-5)


def test_what_is_trained_in_the_model_is_trained_in_the_twin() -> None:
    model = randomised(nested())
    model.get_layer("base").trainable = False
    model.get_layer("base").get_layer("norm").trainable = True
    twin = to_bayesian(model, num_train_examples=10)
    names = [layer.name for layer in bayesian_layers(twin)]
    assert names == ["head"]  # `everywhere` and `deep` are frozen with the base.
    frozen = {f"{name}/{part}:0" for name in ("convolution", "deep", "everywhere") for part in ("kernel", "bias")}
    assert not frozen & {weight.name for weight in twin.trainable_weights}
    assert [layer.trainable for layer in twin.submodules if isinstance(layer, layers.Layer)].count(False) == [
        layer.trainable for layer in model.submodules if isinstance(layer, layers.Layer)
    ].count(False)
    named = to_bayesian(model, num_train_examples=10, layers=["deep"])
    deep = named.get_layer("base").get_layer("innermost").get_layer("deep")
    assert isinstance(deep, DenseFlipout)
    assert deep.trainable_weights == []
    assert np.abs(predict_samples(named, random_images(), 2).std(0)).max() > 1e-4


def test_a_frozen_batch_normalisation_stays_in_inference_mode() -> None:
    model = randomised(sequential())
    model.get_layer("norm").trainable = False
    twin = to_bayesian(model, num_train_examples=10, variational=WITHOUT_NOISE)
    before = [weight.numpy() for weight in twin.get_layer("norm").weights]
    assert_same(twin(random_images(), training=True), model(random_images(), training=False))
    for old, new in zip(before, twin.get_layer("norm").weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_last_layer_alone_leaves_the_others_deterministic() -> None:
    model = randomised(sequential())
    twin = to_bayesian(model, num_train_examples=10, layers="last")
    assert [layer.name for layer in bayesian_layers(twin)] == ["head"]
    features = tf_keras.Model(model.inputs, model.get_layer("hidden").output)(random_images())
    (pair,) = [twin.get_layer("head").sample_pair(tf.random.experimental.stateless_fold_in(tf.constant([3, 0]), 0))]
    found = predict_samples(twin, random_images(), 2, seed=3, activation=tf.identity)
    for draw, kernel in zip(found, pair, strict=True):
        np.testing.assert_allclose(draw, features @ kernel, rtol=1e-4, atol=1e-4)


def test_each_layer_may_have_a_specification_of_its_own() -> None:
    head = Variational(
        Prior("scaled_normal", scale=2.0), posterior_ratio=0.2, covariance_scale=1.5, starts_at_zero=True
    )
    body = Variational(Prior("pretrained", scale=3.0), posterior_ratio=0.1, learn_scale=False, temperature=0.5)
    twin = to_bayesian(
        randomised(sequential()),
        num_train_examples=25,
        variational=lambda layer: head if layer.name == "head" else body,
    )
    *others, last = bayesian_layers(twin)
    assert last.variational == dataclasses.replace(head, num_train_examples=25)
    assert {layer.variational for layer in others} == {dataclasses.replace(body, num_train_examples=25)}
    assert not np.any(last.loc)
    assert last.covariance_factor.shape == (6, 6)
    expected = 3.0 * np.maximum(np.abs(others[0].loc), 0.1 * np.sqrt(np.mean(np.square(others[0].loc))))
    np.testing.assert_allclose(others[0].posterior_scale(), 0.1 * expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("variational", "message"),
    [
        (
            Variational(Prior("normal"), covariance_scale=1.0),
            "layer 'wide' cannot have a covariance_scale; only the last",
        ),
        (
            Variational(Prior("pretrained"), starts_at_zero=True),
            "kernel of layer 'wide' starts at zero, .* 'pretrained'",
        ),
        (Variational(Prior("log_uniform"), starts_at_zero=True), "kernel of layer 'wide' starts at zero"),
        (lambda layer: {"prior": "normal"}, "variational: expected a Variational for layer 'wide'"),
    ],
)
def test_a_specification_that_does_not_suit_its_layer_is_refused(variational: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        to_bayesian(randomised(sequential()), num_train_examples=10, variational=variational)


def test_a_kernel_of_zeros_has_no_scale_to_take() -> None:
    model = tf_keras.Sequential([tf_keras.Input([4]), layers.Dense(3, kernel_initializer="zeros", name="head")])
    with pytest.raises(ValueError, match=r"kernel of layer 'head' starts at zero.*Prior\('scaled_normal'\)"):
        to_bayesian(model, num_train_examples=10)


def attended(inputs: tf.Tensor) -> tf.Tensor:
    return layers.MultiHeadAttention(2, 3)(inputs, inputs)


def adapted(inputs: tf.Tensor) -> tf.Tensor:
    """A layer whose state is more than its weights."""
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(2.0, 3.0, size=(50, 5, 4)))
    return layer(inputs)


@pytest.mark.parametrize(
    "apply",
    [
        layers.LSTM(6),
        layers.Bidirectional(layers.GRU(3, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(3, activation=layers.PReLU())),
        attended,
        adapted,
    ],
    ids=["recurrent", "both ways", "wrapped", "attention", "normalisation"],
)
def test_layers_without_a_counterpart_keep_their_state(apply: Callable[[tf.Tensor], tf.Tensor]) -> None:
    inputs, sequences = tf_keras.Input([5, 4]), np.float32(np.random.default_rng(1).normal(size=(3, 5, 4)))
    model = tf_keras.Model(inputs, layers.Dense(2)(layers.Flatten()(apply(inputs))))
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * tf.ones_like(weight))
    twin = to_bayesian(model, num_train_examples=10)
    assert len(bayesian_layers(twin)) == 1
    np.testing.assert_array_equal(twin(sequences), model(sequences))


def with_dropout() -> tf_keras.Model:
    drop = layers.Dropout(0.5, name="drop")
    parts = [tf_keras.Input([12, 11, 3]), layers.Conv2D(4, 3), layers.SpatialDropout2D(0.5, name="maps")]
    return tf_keras.Sequential([*parts, layers.GlobalMaxPooling2D(), drop, layers.Dense(3)])


def test_dropout_is_kept_or_dropped() -> None:
    model = randomised(with_dropout())
    kept = to_bayesian(model, num_train_examples=10, variational=WITHOUT_NOISE)
    dropped = to_bayesian(model, num_train_examples=10, variational=WITHOUT_NOISE, dropout="drop")
    expected = model(random_images(), training=False)
    assert_same(dropped(random_images(), training=True), expected)
    assert np.abs(kept(random_images(), training=True) - expected).max() > 0.01
    assert [layer.name for layer in dropped.layers] == [layer.name for layer in model.layers]


def test_masks_of_monte_carlo_dropout_are_drawn_in_the_twin_too() -> None:
    inner = tf_keras.Sequential([tf_keras.Input([4]), layers.Dense(40, "relu"), MonteCarloDropout(0.5, seed=1)])
    model = tf_keras.Sequential([tf_keras.Input([4]), inner, layers.Dense(3, name="head")])
    twin = to_bayesian(model, num_train_examples=10, layers=["head"], variational=WITHOUT_NOISE)
    draws = predict_samples(twin, np.ones([1, 4], np.float32), 4)
    assert len({draw.tobytes() for draw in draws}) == 4


def test_seeds_decide_the_noise_and_equal_shapes_have_noise_of_their_own() -> None:
    model = randomised(tf_keras.Sequential([tf_keras.Input([6]), *(layers.Dense(6, name=name) for name in "abc")]))
    inputs = np.ones([2, 6], np.float32)
    outputs = []
    for seed in (0, 0, 1):
        twin = to_bayesian(model, num_train_examples=10, seed=seed)
        outputs.append(twin(inputs, training=True).numpy())
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-3
    step = tf.constant(1, tf.int64)
    found = bayesian_layers(twin)
    assert len({layer._noise(step).numpy().tobytes() for layer in found}) == 3
    assert len({layer._signs([9, 1], step, salt=1, rank=2).numpy().tobytes() for layer in found}) == 3
