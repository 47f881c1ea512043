import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tfp_insects.bayes.priors import Variational
from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.data.source import ImageSource, select
from tfp_insects.errors import InputError
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.architectures.alexnet import ARCHITECTURE as ALEXNET
from tfp_insects.models.bnn import Bayesian, build_bnn
from tfp_insects.models.cnn import build_cnn
from tfp_insects.report.posterior_report import describe_posterior, describe_pruning, examples_tested

NARROW = NetworkSpec(ALEXNET, 4, 63, 0.05)
NORMAL = {"prior": {"kind": "normal", "scale": 0.5}, "posterior_ratio": 0.2}
LOG_UNIFORM = {"prior": {"kind": "log_uniform"}, "posterior_ratio": 0.2, "scale_per_weight": False}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def tested(insects: ImageSource, tmp_path: Path) -> Path:
    """What is needed of a run's directory: which images it was tested on."""
    indices = [0, 15, 30]
    ids = np.array([insects.example_ids[i] for i in indices])
    np.savez(tmp_path / "predictions.npz", example_ids=ids, labels=insects.labels[indices])
    return tmp_path


def test_writes_a_row_a_layer_a_picture_and_a_row_a_share(insects: ImageSource, tested: Path) -> None:
    model = build_bnn(NARROW, Bayesian("classifier", Variational.of(NORMAL), Variational.of(NORMAL)), 10, seed=0)
    console = Console(file=io.StringIO(), width=80)
    describe_posterior(model, tested, console)
    examples = examples_tested(insects, tested)
    assert examples.labels.tolist() == insects.labels[[0, 15, 30]].tolist()
    assert examples.indices.tolist() == [0, 15, 30]
    found = describe_pruning(model, examples, Preprocessing(63), tested, console)

    layers = rows(tested / "posterior.csv")
    assert [row["layer"] for row in layers] == ["classifier_1", "classifier_4", "classifier_6"]
    assert [float(row["scale_q50"]) for row in layers] == pytest.approx([0.1] * 3)
    with Image.open(tested / "posterior.png") as picture:
        assert picture.width == 1500
    shares = rows(tested / "pruning.csv")
    assert [float(row["pruned_share"]) for row in shares] == [0.0, 0.25, 0.5, 0.75, 0.9]
    assert [float(row["accuracy"]) for row in shares] == [one.accuracy for one in found]
    text = console.file.getvalue()
    assert "classifier_4" in text
    assert "…" not in text


def test_layers_of_one_signal_to_noise_ratio_are_described_too(insects: ImageSource, tested: Path) -> None:
    model = build_bnn(NARROW, Bayesian("classifier", Variational.of(LOG_UNIFORM), Variational.of(NORMAL)), 10, seed=0)
    console = Console(file=io.StringIO(), width=80)
    describe_posterior(model, tested, console)
    describe_pruning(model, examples_tested(insects, tested), Preprocessing(63), tested, console)
    first, *_, head = rows(tested / "posterior.csv")
    assert [float(first[f"snr_q{level}"]) for level in ("05", "50", "95")] == pytest.approx([5.0] * 3, rel=1e-5)
    assert float(head["snr_q95"]) == 0.0  # Its mean is still at 0.
    assert float(first["kl_per_weight"]) == pytest.approx(
        float(model.get_layer("classifier_1").kernel_state().kl_terms())
    )


def test_a_model_without_posterior_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Bayesian layer; expected a run of model bnn"):
        describe_posterior(build_cnn(NARROW, seed=0), tmp_path, Console(file=io.StringIO()))


def test_other_images_are_refused(insects: ImageSource, tested: Path) -> None:
    fewer = select(insects, np.arange(20))
    with pytest.raises(
        InputError, match=rf"some_insects has no image {insects.example_ids[30]}, on which .* give the run's own data"
    ):
        examples_tested(fewer, tested)


def test_predictions_that_are_cut_off_are_named(insects: ImageSource, tested: Path) -> None:
    path = tested / "predictions.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"predictions\.npz cannot be read"):
        examples_tested(insects, tested)
