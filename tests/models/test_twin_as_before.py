"""AlexNet's twin, made by `to_bayesian`, is what it was when its layers were put together by hand."""

import dataclasses
import functools
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.elbo import loss_and_logits
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.noise import NoiseTable, layer_seed
from tfp_insects.bayes.priors import Prior, Variational
from tfp_insects.models.alexnet.network import build_sequential
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import initializer, start_at

NARROW = NetworkSpec(ALEXNET, 4, 63, 0.05)
NUM_TRAIN_EXAMPLES, SEED = 40, 3

# Of the twin of version 0.1.0 (commit 148cfff) in the ten steps below: likelihood terms in nats, and three probabilities of
# the first class under each of 3 x 2 draws.
NLLS = [
    *(0.9773309230804443, 2.8464629650115967, 5.259791851043701, 2.0866456031799316, 1.6392143964767456),
    *(2.148240089416504, 1.4091291427612305, 1.6124868392944336, 1.5091614723205566, 1.2908302545547485),
]
PROBABILITIES = [
    [0.35715633630752563, 0.35593074560165405, 0.4154403507709503],
    [0.3819938600063324, 0.3783290982246399, 0.4231874644756317],
    [0.3177790939807892, 0.36292797327041626, 0.34180939197540283],
    [0.33800849318504333, 0.39102527499198914, 0.34728625416755676],
    [0.680731475353241, 0.8446140289306641, 0.8928337693214417],
    [0.4444988965988159, 0.5652568340301514, 0.6442238092422485],
]


def variational(kind: str, scale: float, ratio: float, **options: Any) -> Variational:
    return Variational(Prior(kind, scale, 0.1), posterior_ratio=ratio, **options)


FIXED = {"scale_per_weight": False, "learn_scale": False, "temperature": 0.5}
BAYESIAN = Bayesian(
    "all",
    hidden=variational("pretrained", 10.0, 0.06, **FIXED),
    head=variational("scaled_normal", 16.0, 0.03, covariance_scale=1.5),
    features=variational("pretrained", 10.0, 0.01, **FIXED),
)


def by_hand() -> tf_keras.Sequential:
    """The twin as version 0.1.0 built it."""

    def make(flipout: type, *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
        start = tf_keras.initializers.Zeros() if name == ALEXNET.head else initializer(name, SEED)
        own = BAYESIAN.of_group(ALEXNET.group_of(name))
        config = dataclasses.replace(own, num_train_examples=NUM_TRAIN_EXAMPLES)
        seed = layer_seed(name, SEED)
        return flipout(*sizes, name=name, kernel_initializer=start, variational=config, seed=seed, **kwargs)

    model = build_sequential(
        NARROW, functools.partial(make, Convolution2DFlipout), functools.partial(make, DenseFlipout)
    )
    layers = bayesian_layers(model)
    lengths = [layer.loc.shape.num_elements() for layer in layers]
    table = NoiseTable(sum(lengths), max(lengths), SEED, "float32")
    for i, layer in enumerate(layers):
        layer.use_noise_table(table, position=sum(lengths[:i]))
    return model


def started(model: tf_keras.Sequential) -> tf_keras.Sequential:
    cnn, rng = build_cnn(NARROW, seed=7, dropout=0.0), np.random.default_rng(0)
    weights = {}
    for layer in cnn.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            weights |= {f"{layer.name}/kernel": kernel, f"{layer.name}/bias": rng.normal(0, 0.1, bias.shape)}
    start_at(model, weights, ALEXNET)
    return model


def twin() -> tf_keras.Sequential:
    return build_bnn(NARROW, BAYESIAN, NUM_TRAIN_EXAMPLES, SEED)


def batches() -> list[tuple[tf.Tensor, tf.Tensor]]:
    rng = np.random.default_rng(1)
    images = tf.constant(rng.normal(size=(12, 63, 63, 3)), tf.float32)
    labels = tf.constant(rng.integers(4, size=12), tf.int32)
    return [(images[i : i + 6], labels[i : i + 6]) for i in (0, 6)]


def test_the_twin_is_bit_by_bit_that_by_hand() -> None:
    """From scratch; and at pretrained weights, where noise, loss and draws are compared too."""
    found, expected = twin(), by_hand()
    prior = ("prior_loc", "prior_factor", "prior_floor")  # Centred on the start by now; a prior of no start is no use.
    for one, other in zip(found.weights, expected.weights, strict=True):
        assert one.name == other.name
        if not any(part in one.name for part in prior):
            np.testing.assert_array_equal(one, other)
    for model in (found, expected):
        started(model)
    for one, other in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    configs = [[layer.get_config() for layer in model.layers] for model in (found, expected)]
    assert configs[0] == configs[1]
    for one, other in zip(*(loss_and_logits(model, *batches()[0]) for model in (found, expected)), strict=True):
        np.testing.assert_array_equal(one, other)
    for fresh in (False, True):
        draws = [MonteCarloPredictor(model, fresh).predict(batches()[:1], 1, 5) for model in (found, expected)]
        np.testing.assert_array_equal(*draws)


def test_ten_steps_and_the_predictions_are_those_of_before() -> None:
    model = started(twin())
    optimiser = tf_keras.optimizers.legacy.SGD(1e-2, momentum=0.9)

    @tf.function(autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss, nll, _ = loss_and_logits(model, images, labels)
        variables = model.trainable_variables
        optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return nll

    nlls = [float(step(*batches()[i % 2])) for i in range(10)]
    # On the machine where they were written down, they are equal bit by bit.
    np.testing.assert_allclose(nlls, NLLS, rtol=1e-4)
    draws = MonteCarloPredictor(model).predict(batches()[:1], 3, 5, num_last_layer_samples=2)
    np.testing.assert_allclose(draws[:, :3, 0], PROBABILITIES, rtol=1e-3)
