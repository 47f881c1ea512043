import io
import json
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.compare.answers import AnswerBook
from tfp_insects.compare.comparison import compare
from tfp_insects.compare.criteria import judge
from tfp_insects.compare.tables import print_comparison

FEW = 100


@pytest.fixture
def figures(book: AnswerBook) -> dict[str, Any]:
    return compare(book, FEW)


def test_has_all_models_sizes_and_pairs_in_plain_values(figures: dict[str, Any]) -> None:
    assert json.loads(json.dumps(figures)) == figures
    assert {model: list(by_size) for model, by_size in figures["models"].items()} == {
        "cnn": ["5", "10"],
        "bnn": ["5", "10"],
        "mc_dropout": ["5", "10"],
    }
    assert list(figures["differences"]) == ["bnn - cnn", "bnn - mc_dropout"]
    assert [one["num_seeds"] for one in figures["models"]["cnn"].values()] == [2, 2]
    assert [one["num_seeds"] for one in figures["differences"]["bnn - mc_dropout"].values()] == [1, 1]
    assert figures["time_ratio"] == {"5": 1.5, "10": 1.5}
    assert figures["ood_auroc_difference"]["estimate"] > 0
    assert [one["num_seeds"] for one in figures["differences_over_sizes"].values()] == [2, 1]
    assert figures["models"]["bnn"]["5"]["seconds_to_best_epoch"] == 15.0


def test_validation_answers_say_nothing_about_ood_images(make_answers) -> None:
    book = AnswerBook([make_answers(model, 5, 0, 1.0, is_test=False) for model in ("cnn", "bnn")])
    figures = compare(book, FEW)
    assert figures["ood_auroc_difference"] is None
    assert not any(name.startswith("auroc") for name in figures["models"]["cnn"]["5"])


def test_one_model_alone_is_compared_with_none(make_answers) -> None:
    figures = compare(AnswerBook([make_answers("cnn", 5, 0, 1.0)]), FEW)
    assert (figures["differences"], figures["differences_over_sizes"]) == ({}, {})
    assert (figures["time_ratio"], judge(figures)) == ({}, [])


def test_models_without_a_common_seed_are_not_averaged(make_answers) -> None:
    cells = [("cnn", 5, 0), ("bnn", 5, 0), ("cnn", 10, 1), ("bnn", 10, 1)]
    figures = compare(AnswerBook([make_answers(*cell, 1.0) for cell in cells]), FEW)
    assert figures["differences_over_sizes"] == {"bnn - cnn": {}}
    assert figures["ood_auroc_difference"] is None
    print_comparison(figures, judge(figures), Console(file=io.StringIO(), width=80))


def test_prints_every_figure(figures: dict[str, Any]) -> None:
    console = Console(file=io.StringIO(), width=80)
    print_comparison(figures, judge(figures), console)
    text = console.file.getvalue()
    for model, by_size in figures["models"].items():
        for one in by_size.values():
            assert f"{one['nll']['estimate']:.3f}" in text, model
    for by_size in figures["differences"].values():
        for one in by_size.values():
            assert f"{one['aurc']['estimate']:+.4f}" in text
    for one in figures["differences_over_sizes"].values():
        assert f"{one['nll']['estimate']:+.4f}" in text
    assert "…" not in text
    assert "[x] accuracy at least the CNN's" in text


def test_a_variant_stands_for_the_twin_where_that_was_not_run(make_answers) -> None:
    book = AnswerBook([make_answers("cnn", 5, 0, 1.0), make_answers("bnn_head", 5, 0, 1.5)])
    figures = compare(book, num_resamples=50)
    assert figures["challenger"] == "bnn_head"
    assert list(figures["differences"]) == ["bnn_head - cnn"]
    assert figures["differences"]["bnn_head - cnn"]["5"]["nll"]["estimate"] < 0
    assert judge(figures)


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
        "ood_auroc_difference": interval(0.03, 0.01, 0.05),
        "time_ratio": dict.fromkeys(by_size, 1.9),
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
        assert reached({**good(), "ood_auroc_difference": difference})[8] is False
    assert reached({**good(), "time_ratio": {"5": 1.0, "10": 2.1}})[9] is False
