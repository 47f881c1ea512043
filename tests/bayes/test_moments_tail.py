from collections.abc import Callable

import pytest
import tf_keras
from fixtures.moments_models import NUM_CLASSES, SIDE, built, convolution, dense, layers

from tfp_insects.bayes.dropout import MonteCarloDropout, SeededDropout
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.moments_tail import NoMomentsError, find_tail, moments_obstacle


def test_the_tail_begins_at_the_first_bayesian_layer_that_dense_layers_alone_follow() -> None:
    stack = [layers.Flatten(), layers.Dense(9, "relu"), dense(8, 1), layers.ReLU(), SeededDropout(0.5, seed=0)]
    tail = find_tail(
        built([*stack, layers.Dense(7), layers.Activation("relu"), dense(NUM_CLASSES, 2), layers.Softmax()])
    )
    assert [(one.layer.units, one.is_rectified) for one in tail.layers] == [(8, True), (7, True), (NUM_CLASSES, False)]
    assert tail.inputs.shape[1] == 9
    assert [type(layer) for layer in tail.rest] == [layers.Softmax]


def branched() -> tf_keras.Model:
    inputs = tf_keras.Input([SIDE])
    hidden = dense(4, 1, "relu")(inputs)
    return tf_keras.Model(inputs, layers.Add()([dense(NUM_CLASSES, 2)(hidden), layers.Dense(NUM_CLASSES)(hidden)]))


def shared() -> tf_keras.Model:
    inputs, layer = tf_keras.Input([NUM_CLASSES]), dense(NUM_CLASSES, 1, "relu")
    return tf_keras.Model(inputs, layer(layer(inputs)))


def two_outputs() -> tf_keras.Model:
    inputs = tf_keras.Input([SIDE])
    return tf_keras.Model(inputs, [dense(NUM_CLASSES, 1)(inputs), dense(NUM_CLASSES, 2)(inputs)])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (branched, "does not end in a dense layer"),
        (shared, "does not end in a dense layer"),
        (two_outputs, "not a graph of layers with one output"),
        (lambda: built([convolution(), layers.GlobalAveragePooling2D()]), "does not end in a dense layer"),
        (lambda: built([layers.Flatten(), layers.Dense(4)]), "no Bayesian layer is among"),
        (lambda: built([layers.Flatten(), dense(4, 1, "tanh"), layers.Dense(4)]), "no Bayesian layer is among"),
        (
            lambda: built([layers.Flatten(), dense(4, 1), MonteCarloDropout(0.5, seed=0), layers.Dense(4)]),
            "no Bayesian",
        ),
        (lambda: built([dense(4, 1)]), "does not end in a dense layer"),
    ],
    ids=["branches", "shared", "outputs", "convolution", "deterministic", "tanh", "dropout", "places"],
)
def test_models_that_moments_cannot_pass_say_why(make: Callable[[], tf_keras.Model], reason: str) -> None:
    model = make()
    assert reason in moments_obstacle(model)
    with pytest.raises(NoMomentsError, match=reason):
        MomentsPredictor(model)
