from typing import Any

import pytest

from tfp_insects.compare import criteria
from tfp_insects.compare.answers import TIMES
from tfp_insects.compare.criteria import judge
from tfp_insects.metrics.metric_table import find_metric


def interval(estimate: float, low: float, high: float) -> dict[str, float]:
    return {"estimate": estimate, "low": low, "high": high}


def good() -> dict[str, Any]:
    """Figures of five sizes that meet every expectation."""
    better, equal = interval(-0.02, -0.03, -0.01), interval(0.0, -0.01, 0.01)
    size = {"accuracy": interval(0.01, -0.01, 0.02), "nll": better, "brier": better, "ece": equal, "aurc": equal}
    by_size = {str(n): dict(size) for n in (5, 10, 50, 100, 400)}
    names = ("cnn", "cnn_temperature", "cnn_l2sp", "mc_dropout")
    return {
        "challenger": "bnn",
        "differences": {f"bnn - {name}": {n: dict(one) for n, one in by_size.items()} for name in names},
        "differences_over_sizes": {"bnn - cnn": {"auroc_predictive_entropy": interval(0.03, 0.01, 0.05)}},
        "time_ratios": {n: {"seconds_to_best_epoch": 1.9, "train_seconds": 9.0} for n in by_size},
    }


def reached(figures: dict[str, Any]) -> list[bool]:
    return [criterion.is_reached for criterion in judge(figures)]


def test_good_figures_reach_all() -> None:
    assert reached(good()) == [True] * 10


@pytest.mark.parametrize(
    ("place", "metric", "value", "missed"),
    [
        ("bnn - cnn", "accuracy", interval(-0.006, -0.02, 0.02), 0),
        ("bnn - cnn", "accuracy", interval(-0.004, -0.02, -0.001), 0),
        ("bnn - cnn", "nll", interval(0.001, -0.01, 0.02), 1),
        ("bnn - cnn", "brier", interval(0.0, -0.01, 0.02), 2),
        ("bnn - cnn", "ece", interval(0.02, 0.01, 0.03), 3),
        ("bnn - cnn", "aurc", interval(0.02, 0.01, 0.03), 4),
    ],
)
def test_one_size_that_fails_is_named(place: str, metric: str, value: dict[str, float], missed: int) -> None:
    figures = good()
    figures["differences"][place]["50"][metric] = value
    assert [i for i, is_reached in enumerate(reached(figures)) if not is_reached] == [missed]
    assert [text[:5] for text in judge(figures)[missed].shortfalls] == ["n=50:"]


def test_scores_must_be_clearly_lower_at_three_sizes() -> None:
    figures = good()
    for size in ("5", "10"):
        figures["differences"]["bnn - cnn"][size]["nll"] = interval(-0.01, -0.03, 0.01)
    assert all(reached(figures))
    figures["differences"]["bnn - cnn"]["50"]["nll"] = interval(-0.01, -0.03, 0.01)
    assert reached(figures)[1] is False


def test_a_baseline_may_win_at_one_size_of_five() -> None:
    figures = good()
    for size, expected in (("5", True), ("400", False)):
        figures["differences"]["bnn - cnn_l2sp"][size]["nll"] = interval(0.01, -0.03, 0.05)
        assert reached(figures)[6] is expected


def test_ood_images_and_time_have_bounds() -> None:
    for difference in (interval(0.019, 0.01, 0.03), interval(0.03, -0.001, 0.06)):
        over_sizes = {"bnn - cnn": {"auroc_predictive_entropy": difference}}
        assert reached({**good(), "differences_over_sizes": over_sizes})[8] is False
    ratios = {size: {"seconds_to_best_epoch": ratio} for size, ratio in (("5", 1.0), ("10", 2.1))}
    assert reached({**good(), "time_ratios": ratios})[9] is False


def test_only_metrics_of_the_table_are_judged() -> None:
    named = (criteria.ACCURACY, *criteria.LOWER, *criteria.NOT_HIGHER, criteria.AGAINST_BASELINES, criteria.AUROC)
    assert [find_metric(name).better for name in named] == ["high", "low", "low", "low", "low", "low", "high"]
    assert criteria.TIME in TIMES
