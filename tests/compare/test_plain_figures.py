import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.criteria import judge
from tfp_insects.compare.noted_runs import NotedRuns, difference_over_seeds
from tfp_insects.compare.plain_figures import plain_figures
from tfp_insects.compare.tables import print_comparison, print_noted
from tfp_insects.metrics.holm import holm_adjusted

FEW = 100


@pytest.fixture
def figures(comparison: Comparison) -> dict[str, Any]:
    return plain_figures(comparison)


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
    assert figures["time_ratios"] == {
        "5": {"seconds_to_best_epoch": 1.5, "train_seconds": 35 / 25, "seconds_per_step": 1.0},
        "10": {"seconds_to_best_epoch": 1.5, "train_seconds": 40 / 30, "seconds_per_step": 1.0},
    }
    assert [one["num_seeds"] for one in figures["differences_over_sizes"].values()] == [2, 1]
    assert figures["differences_over_sizes"]["bnn - cnn"]["auroc_predictive_entropy"]["estimate"] > 0
    assert figures["models"]["bnn"]["5"]["seconds_to_best_epoch"] == 15.0


def test_validation_answers_say_nothing_about_ood_images(make_answers) -> None:
    comparison = Comparison([make_answers(model, 5, 0, 1.0, is_test=False) for model in ("cnn", "bnn")], FEW)
    assert "auroc" not in json.dumps(plain_figures(comparison))


def test_one_model_alone_is_compared_with_none(make_answers) -> None:
    figures = plain_figures(Comparison([make_answers("cnn", 5, 0, 1.0)], FEW))
    assert (figures["differences"], figures["differences_over_sizes"]) == ({}, {})
    assert (figures["time_ratios"], judge(figures)) == ({}, [])


def test_models_without_a_common_seed_are_not_averaged(make_answers) -> None:
    places = [("cnn", 5, 0), ("bnn", 5, 0), ("cnn", 10, 1), ("bnn", 10, 1)]
    figures = plain_figures(Comparison([make_answers(*place, 1.0) for place in places], FEW))
    assert figures["differences_over_sizes"] == {"bnn - cnn": {}}
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
            assert f"{one['auroc_predictive_entropy']['estimate']:+.4f}" in text
    for one in figures["differences_over_sizes"].values():
        assert f"{one['nll']['estimate']:+.4f}" in text
    assert "…" not in text
    assert "[x] nll below that of cnn" in text


def test_a_variant_stands_for_the_twin_where_that_was_not_run(make_answers) -> None:
    answers = [make_answers("cnn", 5, 0, 1.0), make_answers("bnn_head", 5, 0, 1.5)]
    figures = plain_figures(Comparison(answers, num_resamples=50))
    assert figures["challenger"] == "bnn_head"
    assert list(figures["differences"]) == ["bnn_head - cnn"]
    assert figures["differences"]["bnn_head - cnn"]["5"]["nll"]["estimate"] < 0
    assert judge(figures)


def test_noted_runs_are_printed_with_holms_p_values(make_answers, tmp_path: Path) -> None:
    noted = NotedRuns(tmp_path / "runs.csv")
    for model, skill in (("bnn", 1.5), ("cnn", 1.0), ("laplace", 1.2), ("ensemble", 1.1)):
        for seed in (0, 1, 2):
            noted.note(make_answers(model, 5, seed, skill), "a" * 12)
    console = Console(file=io.StringIO(), width=120)
    print_noted(noted.rows, console)
    found = {line.split()[0]: line.split() for line in console.file.getvalue().splitlines() if line.split()}
    p_values = {}
    for rival in ("cnn", "laplace", "ensemble"):
        interval, p_values[rival], _ = difference_over_seeds(noted.rows, "bnn", rival, "nll", [5])
        assert found[rival][1:4] == ["5", "3", f"{interval.estimate:+.4f}"]
    adjusted = holm_adjusted({name: p_values[name] for name in ("cnn", "laplace")})
    assert [found[name][-1] for name in adjusted] == [f"{p_value:.3f}" for p_value in adjusted.values()]
    assert found["ensemble"][-1].endswith(")")
