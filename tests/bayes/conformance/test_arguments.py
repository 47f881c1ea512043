"""Defaults of the layers, and what they refuse."""

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes import Convolution2DFlipout, DenseFlipout, Prior, Variational

STOCK_FUNCTIONS = [
    f"{part}_{end}"
    for part in ("kernel", "bias")
    for end in ("posterior_fn", "posterior_tensor_fn", "prior_fn", "divergence_fn")
]


@pytest.fixture(params=[DenseFlipout, Convolution2DFlipout])
def kind(request: pytest.FixtureRequest) -> type:
    return request.param


def make(kind: type, **arguments: Any) -> tf_keras.layers.Layer:
    sizes = {"units": 4} if kind is DenseFlipout else {"filters": 4, "kernel_size": 2}
    return kind(**{**sizes, "name": "it", **arguments})


def test_sizes_are_enough() -> None:
    model = tf_keras.Sequential(
        [Convolution2DFlipout(3, 2, input_shape=(5, 5, 2)), tf_keras.layers.Flatten(), DenseFlipout(16, "relu")]
    )
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5, 5, 2)), np.ones((4, 16)), verbose=0)
    convolution, _, dense = model.layers
    assert convolution.variational == dense.variational == Variational(Prior("scaled_normal"), 1, 0.1)
    model(np.ones((4, 5, 5, 2)), training=True)
    np.testing.assert_allclose(
        model.losses, [layer.kl_divergence() for layer in (convolution, dense)], rtol=1e-6
    )  # The whole divergence.


def test_seeds_are_drawn_as_keras_says(kind: type) -> None:
    def seeds() -> list[int]:
        tf_keras.utils.set_random_seed(5)
        return [make(kind).seed for _ in range(3)]

    assert len(set(seeds())) == 3
    assert seeds() == seeds()


def test_a_specification_is_the_same_as_its_mapping(kind: type) -> None:
    specification = Variational(Prior("normal", 0.3), num_train_examples=20, learn_scale=False)
    partial = {"prior": {"kind": "normal", "scale": 0.3}, "num_train_examples": 20, "learn_scale": False}
    half = {**partial, "prior": specification.prior}
    for one in (specification, specification.to_config(), partial, half):
        assert make(kind, variational=one).variational == specification


def test_the_configuration_makes_the_same_layer_again(case: Any) -> None:
    layer, inputs = case.trained(), case.inputs()
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())
    again.build(case.input_shape)
    again.set_weights(layer.get_weights())
    for training in (False, True):
        np.testing.assert_array_equal(again(inputs, training=training), layer(inputs, training=training))
    assert json.dumps(layer.get_config()) == json.dumps(again.get_config()) == json.dumps(config)


@pytest.mark.parametrize("argument", [*STOCK_FUNCTIONS, "kernel_regularizer", "groups", "activaton"])
def test_an_argument_that_there_is_not_is_refused_by_name(argument: str, kind: type) -> None:
    with pytest.raises(TypeError, match=rf"^{kind.__name__} 'it': the argument {argument} is not supported: "):
        make(kind, **{argument: None})


@pytest.mark.parametrize(
    ("kind", "argument", "value", "expected"),
    [
        (DenseFlipout, "units", 0, "a positive integer; got 0"),
        (DenseFlipout, "units", 2.5, "a positive integer; got 2.5"),
        (Convolution2DFlipout, "filters", -1, "a positive integer; got -1"),
        (Convolution2DFlipout, "kernel_size", (1, 2, 3), r"a positive integer or two of them; got \(1, 2, 3\)"),
        (Convolution2DFlipout, "kernel_size", (3, 0), "a positive integer; got 0"),
        (Convolution2DFlipout, "strides", "2", "a positive integer or two of them; got '2'"),
        (Convolution2DFlipout, "dilation_rate", 0, "a positive integer; got 0"),
        (Convolution2DFlipout, "padding", "causal", "one of valid, same; got 'causal'"),
        (Convolution2DFlipout, "padding", 1, "one of valid, same; got 1"),
        (Convolution2DFlipout, "data_format", "channels_first", "channels_last; got 'channels_first'"),
    ],
)
def test_a_value_that_is_not_supported_is_refused_by_name(kind: type, argument: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=rf"^{kind.__name__} 'it': {argument}: expected {expected}$"):
        make(kind, **{argument: value})


def test_strides_with_dilation_are_refused() -> None:
    message = (
        r"^Convolution2DFlipout 'it': strides and dilation_rate cannot both be above 1; got \(2, 1\) and \(1, 3\)$"
    )
    with pytest.raises(ValueError, match=message):
        make(Convolution2DFlipout, strides=(2, 1), dilation_rate=(1, 3))


def test_a_convolution_has_no_covariance() -> None:
    message = "^Convolution2DFlipout 'it': variational: only a dense layer can have a covariance_scale; got 1.5$"
    with pytest.raises(ValueError, match=message):
        make(Convolution2DFlipout, variational={"covariance_scale": 1.5})


def test_a_specification_of_another_type_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match="variational: expected a Variational or a mapping of its fields; got 'normal'"):
        make(kind, variational="normal")
    with pytest.raises(TypeError, match="prior: expected a Prior or a mapping of its fields; got 'normal'"):
        make(kind, variational={"prior": "normal"})


def test_unknown_channels_are_refused(kind: type) -> None:
    shape = (None,) if kind is DenseFlipout else (8, 8, None)
    with pytest.raises(ValueError, match=rf"{kind.__name__} 'it': the last dimension of the inputs must be known"):
        make(kind)(tf_keras.Input(shape))


def test_whether_it_is_training_is_no_tensor(kind: type) -> None:
    inputs = tf.ones([1, 3] if kind is DenseFlipout else [1, 3, 3, 1])
    with pytest.raises(TypeError, match=rf"{kind.__name__} 'it': training: expected a Python bool"):
        make(kind)(inputs, training=tf.constant(True))


@pytest.mark.parametrize("use_bias", [True, False])
def test_pretrained_weights_have_a_bias_where_the_layer_has_one(use_bias: bool, kind: type) -> None:
    layer = make(kind, use_bias=use_bias)
    layer.build([2, 3] if kind is DenseFlipout else [2, 3, 3, 1])
    bias = None if use_bias else np.zeros(layer.loc.shape[-1])
    with pytest.raises(ValueError, match=f"'it': bias: got .*, but the layer has use_bias={use_bias}"):
        layer.centre_on(layer.loc.numpy(), bias)
