import shutil

import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet import Architecture
from tfp_insects.models.bnn import Bayesian, bayesian_layers, build_bnn
from tfp_insects.study.report import weights
from tfp_insects.study.report.requirements import load_study
from tfp_insects.study.report.weights import bayesian_runs, read_weights

BODY = {"prior": {"kind": "normal", "scale": 0.5, "floor": 0.1}, "posterior_ratio": 0.2, "scale_per_weight": False}
HEAD = {"prior": {"kind": "scaled_normal", "scale": 4.0, "floor": 0.1}, "posterior_ratio": 0.4}


@pytest.fixture(scope="module")
def model():
    bayesian = Bayesian("all", {**BODY, "learn_scale": False}, {**HEAD, "scale_per_weight": True, "learn_scale": True})
    model = build_bnn(Architecture(4, image_size=63, width_multiplier=0.02), bayesian, num_train_examples=20, seed=0)
    head = bayesian_layers(model)[-1]
    head.log_ratio.assign(np.random.default_rng(0).normal(-1.0, 0.2, head.loc.shape))
    return model


@pytest.fixture
def run(make_run, model, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    model.save_weights(str(directory / "checkpoints" / "weights.h5"))
    return load_study(tmp_path).runs[0]


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
        np.testing.assert_allclose(layer.prior_loc, 0.0)
        np.testing.assert_allclose(layer.prior_scale, float(state.prior_scale()), rtol=1e-5)
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


def test_a_checkpoint_without_posteriors_is_no_bayesian_run(make_run, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    (directory / "checkpoints" / "weights.h5").unlink()
    assert bayesian_runs(load_study(tmp_path)) == []


def test_runs_of_one_model_are_chosen(make_run, tmp_path):
    for model, size, seed in (("bnn", 5, 0), ("bnn_head", 5, 1), ("bnn_head", 5, 2), ("bnn_head", 40, 0)):
        make_run(tmp_path, model, size, seed)
    names = [run.directory.name for run in bayesian_runs(load_study(tmp_path))]
    assert names == ["bnn_head-n5-seed1", "bnn_head-n40-seed0"]
    make_run(tmp_path, "bnn", 40, 3)
    names = [run.directory.name for run in bayesian_runs(load_study(tmp_path))]
    assert names == ["bnn-n5-seed0", "bnn-n40-seed3"]


def test_runs_of_other_layers_are_not_paired(make_run, tmp_path):
    head = make_run(tmp_path, "bnn_head", 5, 0) / "checkpoints" / "weights.h5"
    shutil.copy(head, make_run(tmp_path, "bnn", 5, 0) / "checkpoints")
    make_run(tmp_path, "bnn", 40, 0)
    assert [run.n_per_class for run in bayesian_runs(load_study(tmp_path))] == [40]


def test_a_checkpoint_that_is_cut_off(make_run, tmp_path):
    directory = make_run(tmp_path, "bnn", 5, 0)
    path = directory / "checkpoints" / "weights.h5"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"bnn-n5-seed0/checkpoints/weights\.h5 cannot be read"):
        bayesian_runs(load_study(tmp_path))
