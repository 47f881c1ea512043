import itertools

import numpy as np
import pytest

from tfp_insects.compare.verdict import Measured, decide, holm
from tfp_insects.metrics.bootstrap import Interval


def measure(label: str, low: float, high: float, p_value: float, is_high_good: bool = True) -> Measured:
    return Measured(label, Interval((low + high) / 2, low, high), p_value, is_high_good)


BETTER, WORSE = measure("accuracy", 0.01, 0.03, 0.001), measure("nll", 0.01, 0.03, 0.001, is_high_good=False)
PERHAPS, UNCLEAR = measure("auroc", 0.001, 0.03, 0.04), measure("ece", -0.01, 0.03, 0.4)
PERHAPS_WORSE = measure("aurc", 0.001, 0.03, 0.04, is_high_good=False)


@pytest.mark.parametrize(
    ("measured", "choice"),
    [
        ([BETTER, UNCLEAR], "model"),
        ([BETTER, PERHAPS, UNCLEAR], "model"),
        ([WORSE, UNCLEAR], "reference"),
        ([BETTER, WORSE], "both"),
        ([BETTER, PERHAPS_WORSE, UNCLEAR], "both"),
        ([PERHAPS, UNCLEAR], "unsure"),
        ([PERHAPS], "model"),  # Alone it needs no correction.
        ([PERHAPS, PERHAPS_WORSE, UNCLEAR], "unsure"),
        ([UNCLEAR], "none"),
        ([], "none"),
    ],
)
def test_the_rule(measured: list[Measured], choice: str) -> None:
    for order in itertools.permutations(measured):
        assert decide(order).choice == choice


def test_nothing_is_called_no_difference_while_an_interval_excludes_zero() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        lows = rng.normal(0, 0.1, 5)
        measured = [measure("m", low, low + 0.1, float(rng.uniform()), bool(rng.integers(2))) for low in lows]
        decision = decide(measured)
        assert (decision.choice == "none") == all(one.interval.sign == 0 for one in measured)
        assert decision.num_measures == 5


def test_holm_step_by_step() -> None:
    # .01 <= .05 / 4 and .015 <= .05 / 3, but .03 > .05 / 2, and then none is rejected.
    assert holm([0.03, 0.01, 0.04, 0.015]) == [False, True, False, True]
    assert holm([0.06]) == [False]
    assert holm([]) == []


def test_holm_keeps_its_level_where_nothing_differs() -> None:
    rng = np.random.default_rng(1)
    wrong = sum(any(holm(list(rng.uniform(size=8)))) for _ in range(2000))
    assert wrong / 2000 < 0.065  # .05, and three standard errors of a count of 2000.


def test_the_other_direction_is_the_other_model() -> None:
    assert decide([WORSE]).reference_better == [WORSE]
    assert decide([BETTER]).model_better == [BETTER]
    assert decide([UNCLEAR]).unclear == [UNCLEAR]


@pytest.mark.parametrize(
    ("measured", "guessing", "choice"),
    [
        ([BETTER], ["model"], "neither"),
        ([BETTER], ["reference"], "model"),
        ([WORSE], ["reference"], "neither"),
        ([UNCLEAR], ["model", "reference"], "neither"),
        ([UNCLEAR], ["model"], "none"),
    ],
)
def test_no_model_is_advised_that_may_be_guessing(measured: list[Measured], guessing: list, choice: str) -> None:
    assert decide(measured, guessing).choice == choice
