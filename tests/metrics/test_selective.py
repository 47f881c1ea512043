import itertools
from collections.abc import Callable

import numpy as np
import pytest

from tfp_insects.metrics import selective

CONFIDENCE = np.array([0.3, 0.9, 0.5, 0.7])
CORRECT = np.array([False, True, True, False])
# Most confident first: right, wrong, right, wrong.
RISKS = [0, 1 / 2, 1 / 3, 2 / 4]


def risks_averaged_over_orders(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Returns the mean risk at each coverage over all orders that agree with the confidences."""
    curves = []
    for order in itertools.permutations(range(len(confidence))):
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order)):
            curves.append([sum(not correct[i] for i in order[:k]) / k for k in range(1, len(order) + 1)])
    return np.mean(curves, axis=0)


def tied_example(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.choice([0.2, 0.5, 0.8], size=6), rng.random(6) < 0.5


def test_curve_and_area_of_a_small_case() -> None:
    coverage, risk = selective.risk_coverage_curve(CONFIDENCE, CORRECT)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(risk, RISKS)
    assert selective.area_under_risk_coverage_curve(CONFIDENCE, CORRECT) == pytest.approx(sum(RISKS) / 4)


@pytest.mark.parametrize("seed", range(8))
def test_ties_give_the_mean_over_all_their_orders(seed: int) -> None:
    confidence, correct = tied_example(seed)
    expected = risks_averaged_over_orders(confidence, correct)
    _, risk = selective.risk_coverage_curve(confidence, correct)
    np.testing.assert_allclose(risk, expected, rtol=1e-12)
    assert selective.area_under_risk_coverage_curve(confidence, correct) == pytest.approx(expected.mean(), rel=1e-12)
    for taken in range(1, 7):
        found = selective.accuracy_at_coverage(confidence, correct, coverage=taken / 6)
        assert found == pytest.approx(1 - expected[taken - 1], rel=1e-12)


def test_area_without_ties_agrees_with_loops() -> None:
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(500), rng.random(500) < 0.6
    order = np.argsort(-confidence)
    risks = [np.mean(~correct[order[:k]]) for k in range(1, 501)]
    assert selective.area_under_risk_coverage_curve(confidence, correct) == pytest.approx(np.mean(risks), rel=1e-12)


def test_area_of_perfect_hopeless_and_uninformed_models() -> None:
    confidence = np.linspace(0.1, 0.9, 9)
    assert selective.area_under_risk_coverage_curve(confidence, np.ones(9, bool)) == 0.0
    assert selective.area_under_risk_coverage_curve(confidence, np.zeros(9, bool)) == 1.0
    uninformed = selective.area_under_risk_coverage_curve(np.full(9, 0.5), np.arange(9) < 6)
    assert uninformed == pytest.approx(3 / 9)


def test_only_the_order_of_confidences_matters() -> None:
    rng = np.random.default_rng(1)
    confidence, correct = rng.random(50).round(1), rng.random(50) < 0.6
    moved = rng.permutation(50)
    for metric in (
        selective.area_under_risk_coverage_curve,
        selective.accuracy_at_coverage,
        selective.coverage_at_risk,
    ):
        expected = metric(confidence, correct)
        assert metric(confidence[moved], correct[moved]) == pytest.approx(expected, rel=1e-12)
        assert metric(np.log(confidence + 1) * 5 - 7, correct) == pytest.approx(expected, rel=1e-12)


def test_accuracy_at_coverage_takes_the_fewest_examples_that_cover_enough() -> None:
    # 0.5 of 4 are 2, 0.51 of 4 are 3.
    assert selective.accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=0.5) == pytest.approx(1 / 2)
    assert selective.accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=0.51) == pytest.approx(2 / 3)
    assert selective.accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=1.0) == pytest.approx(2 / 4)
    assert selective.accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=1e-9) == 1.0


def test_accuracy_at_coverage_is_not_moved_by_binary_rounding() -> None:
    assert 0.55 * 100 > 55
    correct = np.arange(100) < 55
    assert selective.accuracy_at_coverage(-np.arange(100.0), correct, coverage=0.55) == 1.0


def test_coverage_at_risk_is_the_largest_one_even_behind_a_riskier_stretch() -> None:
    # Risks 0, 1/2, 1/3, 1/2.
    assert selective.coverage_at_risk(CONFIDENCE, CORRECT, risk=0.0) == 0.25
    assert selective.coverage_at_risk(CONFIDENCE, CORRECT, risk=0.4) == 0.75
    assert selective.coverage_at_risk(CONFIDENCE, CORRECT, risk=0.5) == 1.0
    assert selective.coverage_at_risk([0.9, 0.5], [False, False], risk=1.0) == 1.0


def test_coverage_at_risk_takes_equal_confidences_together() -> None:
    # The second group has one error of two: its first half alone is no threshold's coverage.
    confidence, correct = np.array([0.9, 0.9, 0.5, 0.5]), np.array([True, True, True, False])
    assert selective.coverage_at_risk(confidence, correct, risk=0.2) == 0.5
    assert selective.coverage_at_risk(confidence, correct, risk=0.25) == 1.0


def test_coverage_at_a_risk_that_is_never_reached_is_0() -> None:
    assert selective.coverage_at_risk([0.9, 0.5], [False, True], risk=0.4) == 0.0


def test_one_example() -> None:
    assert selective.area_under_risk_coverage_curve([0.7], [False]) == 1.0
    assert selective.accuracy_at_coverage([0.7], [True]) == 1.0
    assert selective.coverage_at_risk([0.7], [True]) == 1.0


@pytest.mark.parametrize(
    ("resampled", "metric"),
    [
        (selective.resampled_aurc, selective.area_under_risk_coverage_curve),
        (selective.resampled_accuracy_at_coverage, selective.accuracy_at_coverage),
        (selective.resampled_coverage_at_risk, selective.coverage_at_risk),
    ],
)
def test_resampled_metrics_equal_the_metric_of_each_resample(resampled: Callable, metric: Callable) -> None:
    rng = np.random.default_rng(2)
    confidence, correct = rng.random(40).round(1), rng.random(40) < 0.8
    counts = rng.multinomial(40, np.full(40, 1 / 40), size=25)
    rows = [np.repeat(np.arange(40), row) for row in counts]
    expected = [metric(confidence[row], correct[row]) for row in rows]
    np.testing.assert_allclose(resampled(confidence, correct, counts), expected, rtol=1e-10)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="confidence: expected finite numbers"):
        selective.risk_coverage_curve([np.nan], [True])
    with pytest.raises(ValueError, match=r"correct: expected bool \[2\], got bool \[1\]"):
        selective.area_under_risk_coverage_curve([0.5, 0.6], [True])
    with pytest.raises(ValueError, match="coverage: expected above 0 and at most 1, got 80"):
        selective.accuracy_at_coverage([0.5], [True], coverage=80)
    with pytest.raises(ValueError, match="risk: expected 0 to 1, got 5"):
        selective.coverage_at_risk([0.5], [True], risk=5)
    with pytest.raises(ValueError, match=r"risk: expected 0 to 1, got 1\.01"):
        selective.coverage_at_risk([0.5], [True], risk=1.01)
    with pytest.raises(ValueError, match=r"risk: expected 0 to 1, got -0\.1"):
        selective.coverage_at_risk([0.5], [True], risk=-0.1)
