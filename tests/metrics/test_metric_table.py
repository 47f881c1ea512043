import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.new_files import AddModule

from tfp_insects.metrics import labelled, unknown
from tfp_insects.metrics.metric_table import (
    all_metrics,
    describe_metrics,
    find_metric,
    labelled_metrics,
    ood_metrics,
    table_metrics,
)
from tfp_insects.metrics.summary import metric_intervals, out_of_distribution_statistics, summarize

ROOT = Path(__file__).resolve().parents[2]
DRAWS = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 20))
LABELS = np.arange(20) % 3


def test_metrics_stand_in_their_order() -> None:
    assert [metric.name for metric in labelled_metrics()] == [
        "accuracy",
        "macro_accuracy",
        "nll",
        "brier",
        "ece",
        "ece_equal_mass",
        "aurc",
        "accuracy_at_80_coverage",
        "coverage_at_5_risk",
        "mean_predictive_entropy",
        "mean_expected_entropy",
        "mean_mutual_information",
        "thr_size_90",
        "thr_coverage_90",
        "thr_size_95",
        "thr_coverage_95",
        "aps_size_90",
        "aps_coverage_90",
        "aps_size_95",
        "aps_coverage_95",
    ]
    assert [metric.name for metric in table_metrics()] == [
        "accuracy",
        "nll",
        "brier",
        "ece",
        "aurc",
        "coverage_at_5_risk",
    ]
    assert [metric.name for metric in ood_metrics()] == [
        "auroc_predictive_entropy",
        "fpr95_predictive_entropy",
        "auroc_mutual_information",
        "fpr95_mutual_information",
        "auroc_one_minus_max_probability",
        "fpr95_one_minus_max_probability",
        "auroc_leverage",
        "fpr95_leverage",
    ]
    assert [metric.name for metric in all_metrics()][-1] == "auroc_chosen_score"


@pytest.mark.parametrize("name", [metric.name for metric in all_metrics()])
def test_a_metric_says_what_it_is(name: str) -> None:
    metric = find_metric(name)
    assert metric.label
    assert len(metric.heading) <= 9
    assert not metric.description.endswith(".")
    assert len({other.label for other in all_metrics()}) == len(all_metrics())
    assert any(line.startswith(f"  {name}: {metric.description}") for line in describe_metrics().splitlines())


@pytest.mark.parametrize("name", [metric.name for metric in all_metrics()])
def test_shares_are_shown_in_points_with_one_decimal_and_all_else_as_it_is(name: str) -> None:
    metric = find_metric(name)
    assert (metric.scale, metric.decimals) == ((100.0, 1) if metric.unit == "points" else (1.0, 3))


def test_a_title_is_the_label_with_a_capital() -> None:
    assert find_metric("coverage_at_5_risk").title.casefold() == find_metric("coverage_at_5_risk").label.casefold()
    assert all(metric.title[0].isupper() for metric in all_metrics())


def test_which_way_is_good_is_where_the_truth_lies() -> None:
    guess, truth = summarize(DRAWS, LABELS), summarize(np.eye(3)[LABELS][np.newaxis], LABELS)
    signs = {"high": 1, "low": -1}
    judged = [metric for metric in labelled_metrics() if metric.better != "neither"]
    assert [np.sign(truth[one.name] - guess[one.name]) for one in judged] == [signs[one.better] for one in judged]


def test_what_has_an_upper_end_is_a_share() -> None:
    without = {metric.name for metric in all_metrics() if metric.maximum == math.inf}
    entropies = {"mean_predictive_entropy", "mean_expected_entropy", "mean_mutual_information"}
    assert without == {
        "nll",
        "brier",
        *entropies,
        *(f"{kind}_size_{share}" for kind in ("thr", "aps") for share in (90, 95)),
    }
    assert all(metric.maximum == 1.0 for metric in all_metrics() if metric.name not in without)


def test_metrics_that_say_nothing_of_one_draw_are_those_of_disagreement() -> None:
    needing = {metric.name for metric in all_metrics() if metric.needs_draws}
    of_unknown = {"auroc_mutual_information", "fpr95_mutual_information"}
    assert needing == {"mean_expected_entropy", "mean_mutual_information", *of_unknown}


def test_an_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="no metric f1; there are accuracy, macro_accuracy, nll"):
        find_metric("f1")


def test_a_new_metric_is_one_file(add_module: AddModule) -> None:
    add_module(
        labelled,
        "zero_one_loss",
        "from tfp_insects.metrics.bootstrap import mean_of\n"
        "from tfp_insects.metrics.metric import LabelledMetric\n\n"
        "METRIC = LabelledMetric(\n"
        '    name="zero_one_loss", label="Error", description="share of wrong answers", better="low", order=15,\n'
        "    statistic=lambda draws: mean_of(~draws.correct),\n"
        ")\n",
    )
    assert [metric.name for metric in table_metrics()][:2] == ["accuracy", "zero_one_loss"]
    found = summarize(DRAWS, LABELS)
    assert found["zero_one_loss"] == pytest.approx(1 - found["accuracy"])
    intervals = metric_intervals(DRAWS, LABELS, seed=0)
    assert intervals["zero_one_loss"].low == pytest.approx(1 - intervals["accuracy"].high)
    assert "zero_one_loss: share of wrong answers; low is good" in describe_metrics()


def test_a_new_score_for_unknown_classes_is_one_file(add_module: AddModule) -> None:
    add_module(
        unknown,
        "noise_of_labels",
        "from tfp_insects.metrics.metric import OodScore\n\n"
        'SCORE = OodScore(name="minus_first", label="minus the first", score=lambda draws: -draws.mean[:, 0])\n',
    )
    found = out_of_distribution_statistics(DRAWS[:, :12], DRAWS[:, 12:])
    first = DRAWS.mean(axis=0)[:, 0]
    pairs = [out < known for known in first[:12] for out in first[12:]]
    assert found["auroc_minus_first"](np.ones((1, 20), np.int64))[0] == pytest.approx(np.mean(pairs))
    assert find_metric("fpr95_minus_first").label == "FPR95, minus the first"


def test_all_metrics_are_known_without_what_takes_long_to_import() -> None:
    code = (
        "import sys; from tfp_insects.metrics.metric_table import describe_metrics; describe_metrics(); "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'sklearn', 'scipy.stats')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0
