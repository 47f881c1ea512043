import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.priors import Variational
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.report import weights
from tfp_insects.report.palette import size_colours
from tfp_insects.report.pictures import save_picture
from tfp_insects.report.tables import weights_table
from tfp_insects.report.weight_pictures import chosen_weights_picture, loc_picture, scale_picture
from tfp_insects.report.weights import bayesian_runs, read_weights
from tfp_insects.runs.reading import load_runs

HIDDEN = {"prior": {"kind": "normal", "scale": 0.5, "floor": 0.1}, "posterior_ratio": 0.2, "scale_per_weight": False}
HEAD = {"prior": {"kind": "scaled_normal", "scale": 4.0, "floor": 0.1}, "posterior_ratio": 0.4}


@pytest.fixture(scope="module")
def model():
    bayesian = Bayesian(
        "all",
        Variational.of({**HIDDEN, "learn_scale": False}),
        Variational.of({**HEAD, "scale_per_weight": True, "learn_scale": True}),
    )
    model = build_bnn(
        NetworkSpec(ALEXNET, 4, image_size=63, width_multiplier=0.02), bayesian, num_train_examples=20, seed=0
    )
    head = bayesian_layers(model)[-1]
    head.log_ratio.assign(np.random.default_rng(0).normal(-1.0, 0.2, head.loc.shape))
    return model


@pytest.fixture
def run(make_run, model, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    model.save_weights(str(directory / "checkpoints" / "weights.h5"))
    return load_runs(tmp_path).runs[0]


def test_reads_what_the_model_holds(run, model):
    layers = read_weights(run)
    expected = bayesian_layers(model)
    assert [layer.name for layer in layers] == [layer.name for layer in expected]
    for layer, one in zip(layers, expected, strict=True):
        state = one.kernel_state()
        assert layer.shape == tuple(one.loc.shape)
        np.testing.assert_allclose(layer.loc, one.loc.numpy().ravel(), rtol=1e-6)
        scales = np.broadcast_to(state.posterior_scale(), layer.shape).ravel()
        np.testing.assert_allclose(layer.scale, scales, rtol=1e-5)
        np.testing.assert_allclose(layer.prior.loc, 0.0)
        np.testing.assert_allclose(layer.prior.scale, float(state.prior_scale()), rtol=1e-5)
        for field in (layer.scale, layer.divergence, *layer.prior):
            assert (field.shape, field.dtype) == (layer.loc.shape, np.float64)
        assert layer.divergence.sum() == pytest.approx(float(state.kl_divergence()), rel=1e-4)


def test_reads_evenly_spaced_rows_of_large_layers(run, model, monkeypatch):
    whole = {layer.name: layer for layer in read_weights(run)}
    monkeypatch.setattr(weights, "MAX_WEIGHTS", 50)
    for layer in read_weights(run):
        full = whole[layer.name].loc.reshape(layer.shape)
        np.testing.assert_array_equal(layer.loc, full[list(layer.rows)].ravel())
        index = layer.loc.size - 1
        assert full[layer.place(index)] == layer.loc[index]
    assert any(len(layer.rows) < layer.shape[0] for layer in read_weights(run))


@pytest.fixture(params=[True, False])
def log_uniform(request, make_run, tmp_path):
    """A model whose hidden layers have a log-uniform prior, and its run."""
    hidden = {"prior": {"kind": "log_uniform"}, "posterior_ratio": 0.3, "scale_per_weight": request.param}
    bayesian = Bayesian("classifier", Variational.of(hidden), Variational.of(HEAD))
    model = build_bnn(
        NetworkSpec(ALEXNET, 4, image_size=63, width_multiplier=0.02), bayesian, num_train_examples=20, seed=0
    )
    rng = np.random.default_rng(0)
    model.get_layer("classifier_6").loc.assign(rng.normal(size=model.get_layer("classifier_6").loc.shape))
    kernel = model.get_layer("classifier_1").loc
    kernel.assign(tf.where(rng.uniform(size=kernel.shape) < 0.1, 0.0, kernel))
    for size in (5, 40):
        directory = make_run(tmp_path, "bnn", size, 0)
        model.save_weights(str(directory / "checkpoints" / "weights.h5"))
    return model, load_runs(tmp_path)


def test_a_log_uniform_prior_has_a_divergence_and_no_scale(log_uniform):
    model, study = log_uniform
    *hidden, head = read_weights(study.runs[0])
    assert [layer.prior for layer in hidden] == [None, None]
    assert head.prior is not None
    for layer, one in zip([*hidden, head], bayesian_layers(model), strict=True):
        scales = np.broadcast_to(one.posterior_scale(), layer.shape).ravel()
        np.testing.assert_allclose(layer.scale, scales, rtol=1e-5)
        assert layer.divergence.shape == layer.loc.shape
        assert layer.divergence.sum() == pytest.approx(float(one.kl_divergence()), rel=1e-4)


def test_what_has_a_log_uniform_prior_is_shown_without_it(log_uniform, tmp_path):
    _, study = log_uniform
    layers = {run.n_per_class: read_weights(run) for run in study.runs}
    colours = size_colours(study.sizes)
    pictures = [draw(layers, colours) for draw in (chosen_weights_picture, loc_picture, scale_picture)]
    for picture in pictures:
        save_picture(picture, tmp_path)
        assert "A log-uniform prior has neither location nor scale, and none is drawn." in picture.caption
        assert picture.keys[0].label == "prior"  # The head's.
    first, last = pictures[0].rows[0], pictures[0].rows[-1]
    assert (first["prior_loc"], first["prior_scale"]) == ("", "")
    assert abs(first["loc"]) == np.abs(layers[40][0].loc).max()
    assert last["prior_scale"] > 0.0
    ratios = [row[4].text for row in weights_table(layers).rows]  # Of the smaller size.
    assert ratios[:2] == ["3.33", "3.33"]


def test_a_checkpoint_without_posteriors_is_no_bayesian_run(make_run, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    (directory / "checkpoints" / "weights.h5").unlink()
    assert bayesian_runs(load_runs(tmp_path)) == []


def test_runs_of_one_model_are_chosen(make_run, tmp_path):
    for model, size, seed in (("bnn", 5, 0), ("bnn_head", 5, 1), ("bnn_head", 5, 2), ("bnn_head", 40, 0)):
        make_run(tmp_path, model, size, seed)
    names = [run.directory.name for run in bayesian_runs(load_runs(tmp_path))]
    assert names == ["bnn_head-n5-seed1", "bnn_head-n40-seed0"]
    make_run(tmp_path, "bnn", 40, 3)
    names = [run.directory.name for run in bayesian_runs(load_runs(tmp_path))]
    assert names == ["bnn-n5-seed0", "bnn-n40-seed3"]


def test_runs_of_other_layers_are_not_paired(make_run, tmp_path):
    head = make_run(tmp_path, "bnn_head", 5, 0) / "checkpoints" / "weights.h5"
    shutil.copy(head, make_run(tmp_path, "bnn", 5, 0) / "checkpoints")
    make_run(tmp_path, "bnn", 40, 0)
    assert [run.n_per_class for run in bayesian_runs(load_runs(tmp_path))] == [40]


def test_a_checkpoint_that_is_cut_off(make_run, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    path = directory / "checkpoints" / "weights.h5"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"bnn-n5-seed0/checkpoints/weights\.h5 cannot be read"):
        bayesian_runs(load_runs(tmp_path))


def test_of_many_layers_a_page_shows_some_from_the_first_to_the_last(run):
    [first, *_] = read_weights(run)
    many = [dataclasses.replace(first, name=f"layer_{i}") for i in range(40)]
    picture = loc_picture({5: many}, size_colours([5]))
    names = [panel.title for panel in picture.panels]
    assert (len(names), names[0], names[-1]) == (12, "layer_0", "layer_39")
    assert "12 of 40 layers are shown" in picture.caption
    assert {row["layer"] for row in picture.rows} == {layer.name for layer in many}
