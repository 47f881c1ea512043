import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.posterior import (
    LayerPosterior,
    kept_weights,
    layer_posteriors,
    predictions_when_pruned,
    signal_to_noise,
    summarise_layer,
)
from tfp_insects.bayes.priors import Variational
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn

NORMAL = {"prior": {"kind": "normal", "scale": 0.5}, "posterior_ratio": 0.2}


@pytest.fixture(scope="module")
def model() -> tf_keras.Sequential:
    """The dense layers Bayesian, with scales that differ from weight to weight."""
    bnn = build_bnn(
        NetworkSpec(ALEXNET, 4, 63, 0.05),
        Bayesian("classifier", Variational.of(NORMAL), Variational.of(NORMAL)),
        10,
        seed=0,
    )
    rng = np.random.default_rng(0)
    for layer in bayesian_layers(bnn):
        layer.loc.assign(rng.normal(scale=0.1, size=layer.loc.shape))
        layer.log_ratio.assign(rng.normal(-1.0, 0.5, size=layer.loc.shape))
    return bnn


def test_loc_and_scale_are_the_layers(model: tf_keras.Sequential) -> None:
    found = list(layer_posteriors(model))
    assert [one.name for one in found] == ["classifier_1", "classifier_4", "classifier_6"]
    for one, layer in zip(found, bayesian_layers(model), strict=True):
        np.testing.assert_array_equal(one.loc, layer.loc.numpy().ravel())
        np.testing.assert_allclose(one.scale, 0.5 * np.exp(layer.log_ratio.numpy().ravel()), rtol=1e-5)
        ratio, standardised = one.scale / 0.5, one.loc / 0.5
        expected = np.sum(0.5 * (ratio**2 + standardised**2 - 1) - np.log(ratio), dtype=np.float64)
        assert one.kl == pytest.approx(expected, rel=1e-4)


def test_one_scale_for_a_layer_is_one_for_each_of_its_weights() -> None:
    shared = {**NORMAL, "scale_per_weight": False}
    bnn = build_bnn(
        NetworkSpec(ALEXNET, 4, 63, 0.05), Bayesian("head", Variational.of(shared), Variational.of(shared)), 10, seed=0
    )
    (posterior,) = layer_posteriors(bnn)
    np.testing.assert_allclose(posterior.scale, np.full(205 * 4, 0.1), rtol=1e-6)


def test_signal_to_noise_is_a_ratio() -> None:
    found = signal_to_noise(np.float32([-3.0, 0.0, 1.0, 0.0]), np.float32([2.0, 1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(found, [1.5, 0.0, np.inf, np.inf])


def test_summary_has_quantiles_over_the_weights() -> None:
    loc, scale = np.linspace(-1, 1, 201, dtype=np.float32), np.full(201, 0.5, np.float32)
    found = summarise_layer(LayerPosterior("some", loc, scale, kl=402.0))
    assert (found["layer"], found["num_weights"], found["kl_per_weight"]) == ("some", 201, 2.0)
    assert [found[f"loc_q{level}"] for level in ("05", "50", "95")] == pytest.approx([-0.9, 0.0, 0.9], abs=1e-6)
    assert [found[f"scale_q{level}"] for level in ("05", "50", "95")] == [0.5, 0.5, 0.5]
    assert [found[f"snr_q{level}"] for level in ("05", "50", "95")] == pytest.approx([0.1, 1.0, 1.9], abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_the_lowest_go(share: float) -> None:
    ratios = np.random.default_rng(0).permutation(1000).astype(np.float32)
    kept = kept_weights(ratios, share)
    np.testing.assert_array_equal(kept, ratios >= 1000 * share)


def test_of_equal_ratios_the_first_go() -> None:
    assert kept_weights(np.float32([2, 1, 2, 2, 3]), 0.6).tolist() == [False, False, False, True, True]
    assert kept_weights(np.full(4, 7.0), 0.5).tolist() == [False, False, True, True]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share: expected between 0 and 1"):
        kept_weights(np.ones(3), share)


def test_pruning_sets_weights_to_zero_over_all_layers_together(model: tf_keras.Sequential) -> None:
    rng = np.random.default_rng(1)
    images, labels = tf.constant(rng.normal(size=(6, 63, 63, 3)), tf.float32), rng.integers(4, size=6)
    batches = [(images[:4], labels[:4]), (images[4:], labels[4:])]
    before = [layer.loc.numpy() for layer in bayesian_layers(model)]
    found = list(predictions_when_pruned(model, batches, shares=(0.0, 0.5)))
    for layer, loc in zip(bayesian_layers(model), before, strict=True):
        np.testing.assert_array_equal(layer.loc, loc)
    assert [share for share, _ in found] == [0.0, 0.5]
    for share, probabilities in found:
        np.testing.assert_allclose(probabilities, pruned_by_hand(model, images, before, share), rtol=1e-5)
    assert np.abs(found[0][1] - found[1][1]).max() > 1e-4


def pruned_by_hand(model: tf_keras.Sequential, images: tf.Tensor, locs: list[np.ndarray], share: float) -> np.ndarray:
    """Class probabilities of the dense layers in NumPy, with a threshold from the sorted ratios."""
    layers = bayesian_layers(model)
    scales = [0.5 * np.exp(layer.log_ratio.numpy()) for layer in layers]
    ratios = [np.abs(loc) / scale for loc, scale in zip(locs, scales, strict=True)]
    ordered = np.sort(np.concatenate([ratio.ravel() for ratio in ratios]))
    threshold = ordered[round(share * ordered.size)]
    outputs = tf_keras.Sequential(model.layers[: model.layers.index(layers[0])])(images).numpy()
    for layer, loc, ratio in zip(layers, locs, ratios, strict=True):
        outputs = outputs @ (loc * (ratio >= threshold)) + layer.bias.numpy()
        outputs = outputs if layer is layers[-1] else np.maximum(outputs, 0)
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
