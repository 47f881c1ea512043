import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.log_uniform_prior import LogUniformState
from tfp_insects.bayes.normal_prior import NormalState
from tfp_insects.bayes.prior_weights import PriorWeights, add_prior
from tfp_insects.bayes.priors import KINDS, Prior

SHAPE = [3, 4]
LOC, LOG_RATIO = tf.fill(SHAPE, 0.5), tf.constant(-1.0)


def added(kind: str) -> tuple[PriorWeights, tf_keras.layers.Layer]:
    layer = tf_keras.layers.Layer()

    def add(name: str, shape: list[int], initializer: object) -> tf.Variable:
        return layer.add_weight(name, shape, tf.float32, initializer, trainable=False)

    return add_prior(Prior(kind, scale=0.5, floor=0.2), SHAPE, add), layer


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_few_and_not_trained(kind: str) -> None:
    _, layer = added(kind)
    expected = [] if kind == "log_uniform" else [(SHAPE if kind == "pretrained" else []), [], []]
    assert [weight.shape.as_list() for weight in layer.weights] == expected
    assert layer.trainable_weights == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_has_the_posteriors_tensors(kind: str) -> None:
    state = added(kind)[0].state(LOC, LOG_RATIO)
    assert isinstance(state, LogUniformState if kind == "log_uniform" else NormalState)
    np.testing.assert_array_equal(state.loc, LOC)
    assert float(state.log_ratio) == -1.0


def test_a_pretrained_prior_is_centred_and_others_stay() -> None:
    kernel = np.float32(np.random.default_rng(0).normal(size=SHAPE))
    root_mean_square = np.sqrt(np.mean(np.float64(kernel) ** 2))
    scales = {"normal": 0.5, "pretrained": 0.5 * np.maximum(np.abs(kernel), 0.2 * root_mean_square)}
    for kind, scale in scales.items():
        prior, _ = added(kind)
        prior.centre_on(kernel)
        distribution = prior.distribution("kernel_prior")
        assert (distribution.event_shape, distribution.batch_shape) == (SHAPE, [])
        np.testing.assert_array_equal(distribution.mean(), kernel if kind == "pretrained" else np.zeros(SHAPE))
        np.testing.assert_allclose(distribution.stddev(), np.broadcast_to(scale, SHAPE), rtol=1e-6)


def test_a_log_uniform_prior_is_no_distribution_wherever_the_weights_start() -> None:
    prior, layer = added("log_uniform")
    prior.centre_on(np.ones(SHAPE, np.float32))
    assert prior.distribution("kernel_prior") is None
    assert layer.weights == []
