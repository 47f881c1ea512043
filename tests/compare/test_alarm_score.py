import numpy as np
import pytest
from scipy import stats

from tfp_insects.compare.alarm_score import choose_alarm_score

KNOWN = np.linspace(0.0, 1.0, 200)  # At 5 % of false alarms the threshold is near .95.
HIGH, LOW = 2.0, 0.5
UNITS = np.repeat(np.arange(12), 4)


def caught(num_classes: int) -> np.ndarray:
    """Scores by which the strangers of so many classes are caught, and no others."""
    return np.where(num_classes > UNITS, HIGH, LOW)


def chosen(usual: np.ndarray, other: np.ndarray, units: np.ndarray = UNITS) -> str:
    return choose_alarm_score({"usual": KNOWN, "other": KNOWN}, {"usual": usual, "other": other}, units, 0.05)


@pytest.mark.parametrize("num_classes", range(1, 8))
def test_another_score_has_to_do_better_in_five_classes(num_classes: int) -> None:
    nothing = np.full(len(UNITS), LOW)
    assert 0.5**4 > 0.05 > 0.5**5
    assert chosen(nothing, caught(num_classes)) == ("other" if num_classes >= 5 else "usual")
    assert chosen(caught(num_classes), nothing) == "usual"


@pytest.mark.parametrize("num_lost", range(5))
def test_it_is_a_sign_test_over_classes(num_lost: int) -> None:
    usual = np.where(12 - num_lost <= UNITS, HIGH, LOW)
    p_value = stats.binomtest(7, 7 + num_lost, 0.5, alternative="greater").pvalue
    assert chosen(usual, caught(7)) == ("other" if p_value <= 0.05 else "usual")


def test_many_images_of_one_class_are_one_class() -> None:
    usual, other = np.full(400, LOW), np.full(400, HIGH)
    assert chosen(usual, other, np.repeat(np.arange(4), 100)) == "usual"
    assert chosen(usual, other, np.arange(400)) == "other"  # Of no class that is known.


def test_of_several_better_ones_the_best_is_taken() -> None:
    unknown = {"usual": caught(0), "good": caught(6), "best": caught(9)}
    assert choose_alarm_score(dict.fromkeys(unknown, KNOWN), unknown, UNITS, 0.05) == "best"
    assert choose_alarm_score({"usual": KNOWN}, {"usual": caught(0)}, UNITS, 0.05) == "usual"
