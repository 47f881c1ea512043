import io

import numpy as np
import pytest
from measuring.promises import Measured, keeps_risk, measure_promises, print_promises
from rich.console import Console
from scipy import stats

from tfp_insects.compare.promise import Terms
from tfp_insects.files import write_json
from tfp_insects.runs.predictions import Predictions, write_predictions
from tfp_insects.runs.run import Run

CLASS_NAMES = ("ant", "bee", "fly")


def invent(num: int, skill: float, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=num)
    logits = rng.normal(size=(2, num, 3)) + skill * np.eye(3)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return Predictions(probabilities.astype(np.float32), labels.astype(np.int32), tuple(f"c/{i}" for i in range(num)))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    directory = tmp_path_factory.mktemp("runs") / "bnn-n5-seed0"
    directory.mkdir()
    write_json(directory / "record.json", {"format": 2, "ood_fingerprint": "ab"})
    files = {"validation_predictions": (200, 4.0), "predictions": (400, 4.0), "ood_predictions": (60, 0.0)}
    for seed, (name, (num, skill)) in enumerate(files.items()):
        write_predictions(directory / f"{name}.npz", invent(num, skill, seed), CLASS_NAMES)
    return measure_promises(Run(directory), Terms(0.1, 0.1), num_splits=30)


def test_promises_are_judged_on_the_other_part_alone(measured: Measured) -> None:
    assert len(measured.splits) == 30
    for one in measured.splits:
        assert one.num_errors <= one.num_accepted == round(200 * one.coverage)
        assert one.false_alarms is not None
        low, high = stats.betabinom.interval(0.95, 200, 20, 181)  # The 181st of 200 scores: ceil(0.9 * 201).
        assert one.is_within == (low <= round(200 * one.false_alarms) <= high)
    assert len({one.num_accepted for one in measured.splits}) > 1


def test_no_promise_accepts_more_than_choosing_by_looking(measured: Measured) -> None:
    assert all(one.coverage <= one.best_coverage for one in measured.splits)
    assert np.mean([one.best_coverage for one in measured.splits]) > 0.5


def test_the_table_counts_the_splits_that_keep_the_risk(measured: Measured) -> None:
    console = Console(file=io.StringIO(), width=200)
    print_promises([measured], console)
    kept = sum(keeps_risk(one, 0.1) for one in measured.splits)
    assert f"{kept}/30" in console.file.getvalue()
    assert not keeps_risk(measured.splits[0]._replace(num_accepted=10, num_errors=2), 0.1)
    assert keeps_risk(measured.splits[0]._replace(num_accepted=0, num_errors=0), 0.1)
    assert "bnn-n5-seed0" in console.file.getvalue()
