"""The twin under a log-uniform prior; what it shares with other priors is tested with these."""

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import bayesian_layers, kl_divergence, set_kl_weight
from tfp_insects.bayes.moments_predictor import MomentsPredictor
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor
from tfp_insects.bayes.posterior import layer_posteriors, signal_to_noise
from tfp_insects.bayes.priors import Variational
from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.table import CONVOLUTIONS, DENSE_LAYERS, HEAD
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.models.initial_weights import start_at
from tfp_insects.training.optimiser import LayerMultipliers, make_optimiser, make_train_step

NUM_TRAIN_EXAMPLES = 40
RATIO = 0.3
# As the configuration passes them; neither scale nor floor has a meaning for this prior.
PRIOR = {"kind": "log_uniform", "scale": 10.0, "floor": 0.1}
HEAD_CONFIG = {"prior": {"kind": "scaled_normal", "scale": 16.0, "floor": 0.1}, "posterior_ratio": 0.03}
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OTHER_PAIRS = (("float32", False), ("mixed_bfloat16", True), ("mixed_bfloat16", False), ("mixed_float16", False))


def config(**options: Any) -> dict[str, Any]:
    return {"prior": PRIOR, "posterior_ratio": RATIO, "scale_per_weight": False, "learn_scale": False, **options}


def make_bnn(scope: str = "classifier", precision: str = "float32", **options: Any) -> tf_keras.Sequential:
    """A twin at "pretrained" weights, its head away from 0."""
    head = {**HEAD_CONFIG, "noise_multiplier": options.get("noise_multiplier", 1.0)}
    bayesian = Bayesian(
        scope,
        Variational.of(config(**options)),
        Variational.of(head),
        Variational.of(config(**{**options, "posterior_ratio": 0.1})),
    )
    model = build_bnn(NetworkSpec(ALEXNET, 4, 63, 0.05, precision), bayesian, NUM_TRAIN_EXAMPLES, seed=0)
    start(model)
    return model


def start(model: tf_keras.Sequential) -> None:
    cnn = build_cnn(NetworkSpec(ALEXNET, 4, 63, 0.05), seed=7)
    weights = {}
    for row in (*CONVOLUTIONS, *DENSE_LAYERS):
        weights[f"{row.name}/kernel"], weights[f"{row.name}/bias"] = cnn.get_layer(row.name).get_weights()
    start_at(model, weights, ALEXNET)
    head = model.get_layer(HEAD)
    (head.loc if hasattr(head, "loc") else head.kernel).assign(np.random.default_rng(0).normal(0, 0.1, (205, 4)))


def random_batch() -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(1)
    return tf.constant(rng.normal(size=(6, 63, 63, 3)), tf.float32), tf.constant(rng.integers(4, size=6), tf.int32)


@pytest.mark.parametrize("scope", ["all", "classifier"])
def test_without_noise_the_twin_is_the_cnn(scope: str) -> None:
    model, cnn = (
        make_bnn(scope, noise_multiplier=0.0),
        build_cnn(NetworkSpec(ALEXNET, 4, 63, 0.05), seed=0, dropout=0.0),
    )
    start(cnn)
    images, labels = random_batch()
    expected = cnn(images)
    for training in (True, False):
        np.testing.assert_allclose(model(images, training=training), expected, atol=1e-5)
    for predictor in (MonteCarloPredictor(model), MomentsPredictor(model)):
        probabilities = predictor.predict([(images, labels)], num_samples=2, seed=0)
        np.testing.assert_allclose(
            probabilities, np.broadcast_to(tf.nn.softmax(expected), probabilities.shape), atol=1e-5
        )


@pytest.mark.parametrize(
    ("precision", "learn_scale"),
    [
        ("float32", True),
        ("mixed_float16", True),
        *(pytest.param(*other, marks=pytest.mark.long) for other in OTHER_PAIRS),
    ],
)
def test_training_steps_move_mean_and_scale_together(precision: str, learn_scale: bool) -> None:
    model = make_bnn("classifier", precision, learn_scale=learn_scale)
    set_kl_weight(model, 1e-3)
    optimiser = make_optimiser(0.9, precision)
    getattr(optimiser, "inner_optimizer", optimiser).learning_rate = 1e-3
    step = make_train_step(model, optimiser, LayerMultipliers(scale=0.1))
    images, labels = random_batch()
    layer = model.get_layer("classifier_1")
    before = layer.loc.numpy()
    assert all(np.isfinite(float(step(images, labels)[0])) for _ in range(3))
    assert np.abs(layer.loc - before).max() > 0.0
    assert (float(layer.log_ratio) == pytest.approx(math.log(RATIO), rel=1e-6)) != learn_scale
    np.testing.assert_allclose(layer.posterior_scale(), np.exp(layer.log_ratio) * np.abs(layer.loc), rtol=1e-5)
    assert np.isfinite(float(kl_divergence(model)))
    for predictor in (MonteCarloPredictor(model), MomentsPredictor(model)):
        probabilities = predictor.predict([(images, labels)], num_samples=3, seed=0, num_last_layer_samples=2)
        np.testing.assert_allclose(probabilities.sum(-1), 1.0, atol=1e-5)
        assert probabilities.std(0).max() > 1e-4


def test_moments_have_the_mean_and_spread_of_draws() -> None:
    model, batches = make_bnn("all"), [random_batch()]
    drawn = MonteCarloPredictor(model).predict(batches, 100, 0, 4)
    found = MomentsPredictor(model).predict(batches, 20, 1, 16)
    assert drawn.std(0).max() > 0.005
    np.testing.assert_allclose(found.mean(0), drawn.mean(0), atol=0.06)
    assert found.std(0).mean() == pytest.approx(drawn.std(0).mean(), rel=0.15)


def test_signal_to_noise_is_one_number_a_layer() -> None:
    *hidden, head = layer_posteriors(make_bnn("all"))
    for posterior in hidden:
        ratio = 0.1 if posterior.name.startswith("features") else RATIO
        np.testing.assert_allclose(signal_to_noise(posterior.loc, posterior.scale), 1.0 / ratio, rtol=1e-5)
    assert np.ptp(signal_to_noise(head.loc, head.scale)) > 0.1


def test_the_divergence_is_what_the_ratios_make_it() -> None:
    model = make_bnn("classifier")
    before = float(kl_divergence(model))
    for layer in bayesian_layers(model)[:-1]:
        layer.loc.assign(3.0 * layer.loc - 0.01)
    assert float(kl_divergence(model)) == before
    sizes = [layer.loc.shape.num_elements() for layer in bayesian_layers(model)[:-1]]
    alpha = RATIO**2
    a_weight = 0.63576 / (1 + math.exp(1.87320 + 1.48695 * math.log(alpha))) + 0.5 * math.log(1 + 1 / alpha)
    own = sum(float(layer.kl_divergence()) for layer in bayesian_layers(model)[:-1])
    assert own == pytest.approx(sum(sizes) * a_weight, rel=1e-6)


def test_it_can_start_from_scratch() -> None:
    bayesian = Bayesian("classifier", Variational.of(config()), Variational.of(HEAD_CONFIG))
    model = build_bnn(NetworkSpec(ALEXNET, 4, 63, 0.05), bayesian, NUM_TRAIN_EXAMPLES, seed=0)
    layer = model.get_layer("classifier_1")
    assert float(tf.reduce_mean(layer.posterior_scale())) > 0.01


def test_a_head_that_starts_at_zero_is_refused() -> None:
    message = r"bnn\.head\.prior\.kind=log_uniform: .* mean of 0.*give it a normal prior, such as scaled_normal"
    with pytest.raises(InputError, match=message):
        build_bnn(
            NetworkSpec(ALEXNET, 4, 63, 0.05),
            Bayesian("head", Variational.of(config()), Variational.of(config())),
            NUM_TRAIN_EXAMPLES,
            seed=0,
        )
