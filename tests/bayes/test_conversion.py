"""Which layers become Bayesian."""

from typing import Any

import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.conversion import LayerConversion, list_conversion
from tfp_insects.bayes.dense_flipout import DenseFlipout

layers = tf_keras.layers


def nested() -> tf_keras.Model:
    """A frozen nested base whose last convolution is trained, and a head."""
    base = tf_keras.Sequential(
        [
            tf_keras.Input([8, 8, 4]),
            layers.Conv2D(4, 3, name="first", trainable=False),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2D(4, 1, groups=2, name="grouped"),
            layers.Conv2D(6, 3, name="second", kernel_regularizer="l2"),
            layers.BatchNormalization(name="norm"),
        ],
        name="base",
    )
    inputs = tf_keras.Input([8, 8, 4])
    pooled = layers.Dropout(0.2, name="drop")(layers.GlobalMaxPooling2D()(base(inputs)))
    hidden = layers.Dense(5, name="hidden", kernel_constraint="non_neg")(pooled)
    return tf_keras.Model(inputs, layers.Dense(3, name="head")(hidden))


def test_the_list_says_what_becomes_of_each_layer_and_why() -> None:
    assert list_conversion(nested(), dropout="drop") == [
        LayerConversion("base/first", "Conv2D", False, "frozen (trainable=False)"),
        LayerConversion("base/depthwise", "DepthwiseConv2D", False, "DepthwiseConv2D has no Bayesian counterpart"),
        LayerConversion("base/grouped", "Conv2D", False, "a convolution in groups (2) has no Bayesian counterpart"),
        LayerConversion("base/second", "Conv2D", True, "kernel_regularizer left out: the prior takes its place"),
        LayerConversion("base/norm", "BatchNormalization", False, "BatchNormalization has no Bayesian counterpart"),
        LayerConversion("drop", "Dropout", False, "left out"),
        LayerConversion("hidden", "Dense", False, "draws of the weights would not keep its constraint"),
        LayerConversion("head", "Dense", True, ""),
    ]


def chosen(choice: Any) -> list[str]:
    return [one.name for one in list_conversion(nested(), choice) if one.is_bayesian]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("all", ["base/second", "head"]),
        ("last", ["head"]),
        (["head", "base/first"], ["base/first", "head"]),
        (("second",), ["base/second"]),
        ({"first", "second"}, ["base/first", "base/second"]),
        (lambda layer: isinstance(layer, layers.Conv2D), ["base/first", "base/second"]),
    ],
)
def test_layers_are_chosen_by_word_name_path_or_function(choice: Any, expected: list[str]) -> None:
    assert chosen(choice) == expected


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("some", "layers: expected all, last, a list of names or a function; got 'some'"),
        (["head", "hed"], "layers: there is no layer 'hed'; expected some of base/first, base/second, head"),
        (
            ["norm"],
            "layers: 'norm' cannot become Bayesian: BatchNormalization has no .* of base/first, base/second, head",
        ),
        (["base/grouped"], r"'base/grouped' cannot become Bayesian: a convolution in groups \(2\)"),
        ([], r"layers: \[\] leaves no layer to make Bayesian"),
        (lambda layer: False, "leaves no layer to make Bayesian; base/first: frozen .*; head: not chosen"),
    ],
)
def test_a_choice_that_cannot_be_met_says_what_can(choice: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chosen(choice)


def test_dropout_is_kept_or_dropped() -> None:
    with pytest.raises(ValueError, match="dropout: expected keep or drop, got 'half'"):
        list_conversion(nested(), dropout="half")
    assert "drop" not in [one.name for one in list_conversion(nested())]


class OwnDense(layers.Dense):
    """May compute anything."""


class Block(layers.Layer):
    """A layer of layers, which no graph describes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(4)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.inner(inputs)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2DTranspose(4, 3), [6, 6, 2]),
        (layers.SeparableConv2D(4, 3), [6, 6, 2]),
        (layers.Conv1D(4, 3), [6, 2]),
        (layers.LSTM(4), [6, 2]),
        (layers.LayerNormalization(), [2]),
        (layers.Embedding(5, 3), [2]),
        (layers.TimeDistributed(layers.Dense(3)), [6, 2]),
        (OwnDense(3), [2]),
        (Block(), [2]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_counterpart_is_listed(layer: tf_keras.layers.Layer, shape: list[int]) -> None:
    inputs = tf_keras.Input(shape)
    outputs = layers.Dense(2, name="head")(layers.Flatten()(layer(inputs)))
    kind = type(layer).__name__
    assert list_conversion(tf_keras.Model(inputs, outputs)) == [
        LayerConversion(layer.name, kind, False, f"{kind} has no Bayesian counterpart"),
        LayerConversion("head", "Dense", True, ""),
    ]


def test_an_activation_with_weights_is_not_shared_with_the_twin() -> None:
    model = tf_keras.Sequential([tf_keras.Input([4]), layers.Dense(3, layers.PReLU(), name="own"), layers.Dense(2)])
    assert list_conversion(model)[0] == LayerConversion("own", "Dense", False, "its activation is a layer of its own")


def test_attention_is_listed() -> None:
    inputs = tf_keras.Input([6, 4])
    attention = layers.MultiHeadAttention(2, 2, name="attention")
    outputs = layers.Dense(2)(layers.Flatten()(attention(inputs, inputs)))
    (first, _) = list_conversion(tf_keras.Model(inputs, outputs))
    assert first == LayerConversion(
        "attention", "MultiHeadAttention", False, "MultiHeadAttention has no Bayesian counterpart"
    )


def test_a_layer_in_two_places_is_listed_once() -> None:
    shared, inputs = layers.Dense(4, name="shared"), tf_keras.Input([4])
    inner = tf_keras.Sequential([tf_keras.Input([4]), shared], name="inner")
    outputs = layers.Dense(2, name="head")(inner(shared(inputs)))
    assert [one.name for one in list_conversion(tf_keras.Model(inputs, outputs))] == ["shared", "head"]


def test_bayesian_layers_stay_and_stock_ones_are_refused() -> None:
    bayesian = tf_keras.Sequential([tf_keras.Input([4]), DenseFlipout(3, name="own"), layers.Dense(2, name="head")])
    assert list_conversion(bayesian)[0] == LayerConversion("own", "DenseFlipout", False, "Bayesian already")
    stock = tf_keras.Sequential([tf_keras.Input([4]), tfp.layers.DenseFlipout(3, name="own"), layers.Dense(2)])
    with pytest.raises(ValueError, match="layer 'own' is TensorFlow Probability's own DenseFlipout"):
        list_conversion(stock)
