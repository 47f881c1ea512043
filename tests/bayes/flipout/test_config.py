"""What a layer is by its class and its configuration."""

import json
from typing import Any

import numpy as np
import pytest
import tensorflow_probability as tfp

from tfp_insects.bayes import Convolution2DFlipout, DenseFlipout
from tfp_insects.errors import InputError


def test_layers_are_tfps() -> None:
    assert issubclass(DenseFlipout, tfp.layers.DenseFlipout)
    assert issubclass(Convolution2DFlipout, tfp.layers.Convolution2DFlipout)


def test_is_rebuilt_from_json(kind: str, prior: str, layers: Any) -> None:
    layer = layers.trained(kind, layers.variational(prior), activation="relu")
    inputs = layers.random_inputs(kind)
    config = json.loads(json.dumps(layer.get_config()))
    rebuilt = type(layer).from_config(config)
    assert json.dumps(rebuilt.get_config()) == json.dumps(layer.get_config())
    rebuilt.build(inputs.shape)
    rebuilt.set_weights(layer.get_weights())
    for training in (False, True):
        np.testing.assert_array_equal(rebuilt(inputs, training=training), layer(inputs, training=training))
    np.testing.assert_array_equal(rebuilt.kl_divergence(), layer.kl_divergence())


@pytest.mark.parametrize("learn_scale", [True, False])
def test_a_scale_that_is_not_learned_is_no_trainable_variable(kind: str, learn_scale: bool, layers: Any) -> None:
    layer = layers.make(kind, layers.variational(learn_scale=learn_scale))
    expected = [layer.loc, layer.log_ratio, layer.bias] if learn_scale else [layer.loc, layer.bias]
    assert {id(v) for v in layer.trainable_variables} == {id(v) for v in expected}
    assert len(layer.trainable_variables) == len(expected)
    assert any(v is layer.prior_weights.loc for v in layer.non_trainable_variables)


def test_unknown_fields_are_refused(layers: Any) -> None:
    with pytest.raises(InputError, match="unknown Variational field 'prior_scale'"):
        DenseFlipout(7, variational=layers.variational(prior_scale=1.0), seed=0)
