import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from measuring.predictors import Answer, Setting, compare_predictors, figures_of
from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import mutual_information, negative_log_likelihood
from tfp_insects.study.experiment import Experiment


def drawn(rng: np.random.Generator, num_examples: int) -> np.ndarray:
    return rng.dirichlet(np.ones(3), size=(6, num_examples))


def test_figures_compare_images_with_the_reference() -> None:
    rng = np.random.default_rng(0)
    labels, answer, reference = rng.integers(3, size=50), drawn(rng, 50), drawn(rng, 50)
    found = figures_of(Answer(answer, None), labels, Answer(reference, None))
    assert found["nll"] == pytest.approx(negative_log_likelihood(answer, labels))
    both = np.stack([mutual_information(answer), mutual_information(reference)])
    both -= both.mean(axis=1, keepdims=True)
    assert found["correlation"] == pytest.approx(
        (both[0] @ both[1]) / np.sqrt((both[0] @ both[0]) * (both[1] @ both[1]))
    )
    assert "auroc_entropy" not in found


def test_runs_are_compared_by_their_weights(
    finished_run: Callable[[str], Path], tiny_experiment: Experiment, tmp_path: Path
) -> None:
    setting = Setting(tiny_experiment, "bnn", [4], [0], tmp_path, num_repeats=2, num_reference=4)
    with pytest.raises(InputError, match=r"bnn-n4-seed0: no weights of a finished run are there"):
        compare_predictors(setting, Console(file=io.StringIO()))
    directory = shutil.copytree(finished_run("bnn"), tmp_path / "bnn-n4-seed0", dirs_exist_ok=True)
    record = json.loads((directory / "record.json").read_text())
    console = Console(file=io.StringIO(), width=100)
    found = compare_predictors(setting, console)
    assert [one["predictor"] for one in found] == ["reference", "again", "pair", "pair", "mean"]
    assert found[0]["correlation"] == pytest.approx(1.0)
    assert all(one["nll"] == pytest.approx(record["validation_nll"], abs=0.2) for one in found)
    assert len({one["nll"] for one in found}) == 5
    assert "bnn-n4-seed0" in console.file.getvalue()
