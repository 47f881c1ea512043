"""The page shows the posterior that predicts, and says what was done to it."""

import numpy as np
import pytest

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.models.build import build_model
from tfp_insects.report.predicting_weights import predicting_words, read_predicting_weights
from tfp_insects.report.tempering import tempered_sentences
from tfp_insects.report.weights import read_weights
from tfp_insects.runs.reading import load_runs

CONFIG = {
    "model.image_size": 63,
    "model.width_multiplier": 0.02,
    "bnn.hidden.temperature": 0.25,
    "bnn.features.temperature": 0.5,
    "bnn.head.temperature": 1.0,
    "bnn.head.covariance_scale": 1.5,
}


@pytest.fixture(scope="module")
def study(make_run, tmp_path_factory):
    directory = make_run(tmp_path_factory.mktemp("runs"), "bnn", 5, 0)
    return load_runs(directory.parent)


def test_scales_are_those_that_predictions_draw_from(study):
    run = study.runs[0]
    settings = run.settings.replaced(CONFIG)
    run.__dict__["settings"] = settings
    model = build_model("bnn", settings, num_classes=4, num_train_examples=20, seed=0, is_pretrained=True)
    layers = bayesian_layers(model)
    rng = np.random.default_rng(0)
    head = layers[-1]
    factor = np.triu(rng.normal(0.0, 0.1, head.covariance_factor.shape)).astype(np.float32)
    head.covariance_factor.assign(factor)
    head.log_ratio.assign(rng.normal(np.log(0.03), 0.1, head.loc.shape))
    for layer in layers[:-1]:
        layer.centre_on(rng.normal(0.0, 0.1, layer.loc.shape), np.zeros(layer.loc.shape[-1], np.float32))
    model.save_weights(str(run.directory / "checkpoints" / "weights.h5"))
    found = {one.name: one for one in read_predicting_weights(run)}
    for layer in layers[:-1]:
        expected = np.broadcast_to(layer.predictive_scale(), layer.loc.shape).ravel()
        np.testing.assert_allclose(found[layer.name].scale, expected, rtol=1e-5)
    covariance = factor.astype(np.float64) @ factor.T.astype(np.float64)
    expected = np.repeat(np.sqrt(np.diag(covariance)), head.loc.shape[1])
    np.testing.assert_allclose(found[head.name].scale, expected, rtol=1e-5)
    trained = {one.name: one for one in read_weights(run)}
    np.testing.assert_allclose(trained[head.name].scale, head.posterior_scale().numpy().ravel(), rtol=1e-5)
    words = predicting_words(run, list(found.values()))
    assert f"in {head.name} they are the diagonal of a covariance found after training" in words
    median = 100.0 * np.exp(np.median(head.log_ratio.numpy()))
    assert f"went from 3 to {median:.3g} % of the prior's in {head.name}." in words


def test_what_is_tempered_is_said_and_nothing_else(study):
    run = study.runs[0]
    run.record["is_tempered"] = True
    run.__dict__["settings"] = run.settings.replaced({**CONFIG, "bnn.hidden.temperature": 0.5})
    (line,) = tempered_sentences(study)
    assert line == (
        "The posterior of the BNN is tempered: in predictions the weights of convolutions and the dense layers before the "
        "last have 0.5 times the variance that they had in training."
    )
    all_one = {f"bnn.{part}.temperature": 1.0 for part in ("hidden", "features", "head")}
    run.__dict__["settings"] = run.settings.replaced({**all_one, "bnn.kl_weight": 0.5})
    (line,) = tempered_sentences(study)
    assert line.endswith(
        "is tempered: its divergence had the weight 0.5 instead of 1 in the epoch whose weights are used."
    )
    run.record["is_tempered"] = False
    assert tempered_sentences(study) == []
