from typing import Any

import pytest

from tfp_insects.compare import criteria
from tfp_insects.compare.answers import TIMES, WHOLE_RUN
from tfp_insects.compare.criteria import judge
from tfp_insects.metrics.metric_table import find_metric
from tfp_insects.models.method_table import methods

RIVALS = criteria.SINGLE_MODELS


def interval(estimate: float, low: float, high: float, p_value: float = 0.001) -> dict[str, float]:
    return {"estimate": estimate, "low": low, "high": high, "p_value": p_value}


def good() -> dict[str, Any]:
    """Figures that meet every expectation, if narrowly."""
    rival = {
        "nll": interval(-0.02, -0.028, -0.012),
        "accuracy": interval(-0.005, -0.01, 0.0),
        "auroc_chosen_score": interval(-0.01, -0.02, 0.0),
        "thr_size_90": interval(0.1, 0.0, 0.2),
    }
    reference = {**rival, "auroc_chosen_score": interval(0.03, 0.01, 0.05)}
    over_sizes = {f"bnn - {name}": dict(rival) for name in RIVALS} | {"bnn - cnn": reference}
    ensemble = {"nll": interval(0.004, 0.0, 0.008, 0.05)}
    coverage = {"thr_coverage_90": interval(0.891, 0.88, 0.90)}
    return {
        "challenger": "bnn",
        "models": {"bnn": {"5": coverage, "100": coverage, "400": {"thr_coverage_90": interval(0.5, 0.4, 0.6)}}},
        "differences_over_primary_sizes": {**over_sizes, "bnn - ensemble": ensemble},
        "time_ratios": {
            "5": {"seconds_to_best_epoch": 1.7, "train_seconds": 9.0, "run_seconds": 1.6},
            "100": {"seconds_to_best_epoch": 1.2, "run_seconds": 1.9},
        },
    }


def missed(figures: dict[str, Any]) -> list[str]:
    return [criterion.text for criterion in judge(figures) if not criterion.is_reached]


def test_good_figures_reach_all() -> None:
    found = judge(good())
    assert all(criterion.is_reached for criterion in found)
    assert not any(criterion.shortfalls for criterion in found)
    assert len(found) == len(RIVALS) + 9


@pytest.mark.parametrize(
    ("rival", "metric", "value", "text"),
    [
        ("laplace", "nll", interval(0.001, -0.004, 0.006, 0.7), "nll below that of laplace"),
        ("laplace", "nll", interval(-0.004, -0.01, 0.002, 0.2), "nll below that of laplace"),
        ("swag", "nll", interval(-0.02, -0.0281, -0.0119), "half-widths"),
        ("ensemble", "nll", interval(0.02, 0.001, 0.04), "nll not above that of ensemble"),
        ("mc_dropout", "accuracy", interval(-0.0051, -0.02, 0.01), "accuracy at most 0.005 below"),
        (
            "cnn",
            "auroc_chosen_score",
            interval(0.029, 0.02, 0.04),
            "auroc_chosen_score at least 0.03 above that of cnn",
        ),
        ("mc_dropout", "auroc_chosen_score", interval(-0.02, -0.03, -0.001), "auroc_chosen_score not below"),
        ("cnn", "thr_size_90", interval(0.2, 0.01, 0.3), "thr_size_90 not above"),
    ],
)
def test_a_rival_that_is_not_beaten_is_named(rival: str, metric: str, value: dict[str, float], text: str) -> None:
    figures = good()
    figures["differences_over_primary_sizes"][f"bnn - {rival}"][metric] = value
    found = [criterion for criterion in judge(figures) if not criterion.is_reached]
    assert [criterion.text[: len(text)] for criterion in found] == [text]
    assert [shortfall.split(":")[0] for shortfall in found[0].shortfalls] == [rival]


def test_several_rivals_need_holms_correction() -> None:
    figures = good()
    for name in RIVALS:
        figures["differences_over_primary_sizes"][f"bnn - {name}"]["nll"]["p_value"] = 0.02
    assert [text.split()[4].rstrip(",") for text in missed(figures)] == list(RIVALS)  # 7 times .02 is above .05.
    alone = {"bnn - cnn": figures["differences_over_primary_sizes"]["bnn - cnn"]}
    assert not missed({**figures, "differences_over_primary_sizes": alone})


def test_sets_have_to_cover_at_the_sizes_that_decide() -> None:
    figures = good()
    figures["models"]["bnn"]["5"] = {"thr_coverage_90": interval(0.86, 0.85, 0.87)}
    assert missed(figures) == ["thr_coverage_90 within 0.01 of 0.9 in the mean"]


def test_times_have_bounds() -> None:
    figures = good()
    figures["time_ratios"]["100"]["seconds_to_best_epoch"] = 1.71
    figures["time_ratios"]["5"]["run_seconds"] = 1.61
    assert [text.split()[0] for text in missed(figures)] == ["seconds_to_best_epoch", "run_seconds"]


def test_only_models_metrics_and_times_that_there_are_are_judged() -> None:
    assert {*criteria.SINGLE_MODELS, criteria.ENSEMBLE} <= {method.name for method in methods()}
    for name in (criteria.PRIMARY, criteria.ACCURACY, criteria.AUROC, criteria.SET_SIZE, criteria.SET_COVERAGE):
        assert find_metric(name).name == name
    assert criteria.TRAINING_TIME in TIMES
    assert criteria.RUN_TIME == WHOLE_RUN
    nothing = {"challenger": "bnn", "models": {"bnn": {}}, "differences_over_primary_sizes": {}, "time_ratios": {}}
    assert judge(nothing) == judge({**nothing, "challenger": None}) == []
