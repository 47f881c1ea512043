import math
from functools import partial

import numpy as np
import pytest
from scipy import stats

from tfp_insects.metrics import guarantee
from tfp_insects.metrics.guarantee import (
    fewest_accepted,
    guaranteed_threshold,
    images_needed,
    lowest_risk,
    risk_upper_bound,
    thresholds_to_test,
    thresholds_without_labels,
)

DESCENDING = np.linspace(0.99, 0.5, 50)
SHARPNESS = 6.0


def draw(rng: np.random.Generator, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and answers that are right as often as these say."""
    confidence = rng.beta(SHARPNESS, 1.0, num)
    return confidence, rng.uniform(size=num) < confidence


def true_risk(threshold: float) -> float:
    """Of `draw`: E[1 - c | c >= t] with density a c^(a - 1), a being the sharpness."""
    mean = SHARPNESS / (SHARPNESS + 1.0)
    return 1.0 - mean * (1.0 - threshold ** (SHARPNESS + 1.0)) / (1.0 - threshold**SHARPNESS)


@pytest.mark.parametrize(("num_errors", "needed"), [(0, 59), (1, 93), (2, 124), (3, 153)])
def test_five_per_cent_need_so_many_accepted_images(num_errors: int, needed: int) -> None:
    assert fewest_accepted(num_errors, 0.05) == needed
    for num, is_kept in ((needed - 1, False), (needed, True)):
        # The binomial's cumulative probability, written out.
        probability = sum(math.comb(num, k) * 0.05**k * 0.95 ** (num - k) for k in range(num_errors + 1))
        assert (probability <= 0.05) == is_kept
        confidence, correct = np.full(num, 0.9), np.arange(num) >= num_errors
        assert (guaranteed_threshold(confidence, correct, [0.5], 0.05).threshold == 0.5) == is_kept


@pytest.mark.parametrize("risk", [0.01, 0.05, 0.2, 0.5])
def test_fewest_accepted_is_the_first_number_that_a_search_finds(risk: float) -> None:
    for num_errors in (0, 1, 7):
        found = next(num for num in range(1, 5000) if stats.binom.cdf(num_errors, num, risk) <= 0.05)
        assert fewest_accepted(num_errors, risk) == found


def test_the_bound_is_scipys_exact_interval_and_1_of_no_images() -> None:
    for num_errors, num in ((0, 1), (0, 59), (3, 10), (10, 10)):
        expected = stats.binomtest(num_errors, num, alternative="less").proportion_ci(0.95).high
        assert risk_upper_bound(num_errors, num) == pytest.approx(expected)
    assert risk_upper_bound(0, 0) == 1.0


def test_thresholds_start_at_the_safest_and_fall_to_0() -> None:
    correct = np.arange(50) < 40  # The 40 surest are right.
    found = thresholds_to_test(DESCENDING, correct, 0.1)
    probabilities = [stats.binom.cdf(max(0, k - 40), k, 0.1) for k in range(1, 51)]
    assert np.argmin(probabilities) == 39
    assert found[0] == pytest.approx((DESCENDING[39] + DESCENDING[40]) / 2)
    assert found[-1] == 0.0
    assert (np.diff(found) < 0).all()
    assert len(found) == 11


def test_the_last_threshold_before_the_first_failure_is_taken_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        confidence, correct = draw(rng, 80)
        confidence = np.round(confidence, 1)  # Many are equal.
        thresholds = rng.permutation(np.linspace(0.05, 0.95, 7))
        expected = (math.inf, 0, 0)
        for threshold in thresholds:
            accepted = confidence >= threshold
            num_errors = int((~correct[accepted]).sum())
            if stats.binom.cdf(num_errors, accepted.sum(), 0.3) > 0.05:
                break
            expected = (threshold, int(accepted.sum()), num_errors)
        found = guaranteed_threshold(confidence, correct, thresholds, 0.3)
        assert found[:3] == expected
        assert found.upper_bound == pytest.approx(risk_upper_bound(*expected[:0:-1]))
        assert found.upper_bound <= 0.3 or found.threshold == math.inf


def test_no_images_keep_no_promise() -> None:
    nothing = guaranteed_threshold(np.zeros(0), np.zeros(0, bool), [0.9, 0.5], 0.05)
    assert nothing == (math.inf, 0, 0, 1.0)
    assert images_needed(np.zeros(0), np.zeros(0, bool), 0.9, 0.05) is None
    assert lowest_risk(np.zeros(0), np.zeros(0, bool), lambda risk: np.array([0.9, 0.8])) is None
    assert images_needed([0.9, 0.8], np.array([True, True]), 0.5, 0.0) is None


def test_images_that_would_be_needed_are_enough_if_all_stays_as_it_was() -> None:
    correct = np.arange(50) != 20
    # 40 of 50 are accepted, 1 of 40 wrong: 2.5 % of so many images that their errors are allowed at 10 %.
    threshold = 0.5 * (DESCENDING[39] + DESCENDING[40])
    needed = images_needed(DESCENDING, correct, threshold, 0.1)
    numbers = {k: next(n for n in range(1, 999) if stats.binom.cdf(k, n, 0.1) <= 0.05) for k in range(9)}
    num_accepted = next(n for k, n in numbers.items() if n / 40 <= k)
    assert needed == math.ceil(num_accepted / 0.8)
    repeats = math.ceil(needed / 50)
    found = guaranteed_threshold(np.tile(DESCENDING, repeats), np.tile(correct, repeats), [threshold], 0.1)
    assert found.threshold == threshold
    assert guaranteed_threshold(DESCENDING, correct, [threshold], 0.1).threshold == math.inf
    assert images_needed(DESCENDING, np.arange(50) % 10 > 0, threshold, 0.1) is None  # A tenth is wrong: none helps.


def test_the_lowest_risk_is_the_first_level_that_finds_a_threshold() -> None:
    confidence, correct = draw(np.random.default_rng(1), 200)
    others = draw(np.random.default_rng(2), 200)
    thresholds_at = partial(thresholds_to_test, *others)
    level = lowest_risk(confidence, correct, thresholds_at)
    kept = [
        risk
        for risk in np.round(np.arange(0.01, 1.0, 0.01), 2)
        if guaranteed_threshold(confidence, correct, thresholds_to_test(*others, risk), risk).num_accepted
    ]
    assert level == kept[0]
    assert lowest_risk(confidence, correct, thresholds_at, above=level) == kept[1] == pytest.approx(level + 0.01)
    assert lowest_risk(confidence, correct, thresholds_at, above=level - 0.005) == level
    assert 0.01 < level < 0.2


def test_thresholds_without_labels_begin_where_one_error_may_be_and_fall_past_each_image() -> None:
    confidence = np.random.default_rng(4).permutation(np.linspace(0.2, 0.99, 120))
    found = thresholds_without_labels(confidence, 0.05)
    accepted = [int(np.sum(confidence >= threshold)) for threshold in found]
    assert accepted == list(range(93, 121))  # 93 accepted images may hold one error, see `fewest_accepted`.
    assert found[-1] == 0.0
    assert thresholds_without_labels(confidence[:92], 0.05).tolist() == [0.0]
    assert thresholds_without_labels(np.zeros(0), 0.05).tolist() == [0.0]
    equal = thresholds_without_labels(np.repeat([0.9, 0.8, 0.7], 50), 0.05)
    assert [int(np.sum(np.repeat([0.9, 0.8, 0.7], 50) >= one)) for one in equal] == [100, 150]


def test_the_true_risk_exceeds_the_level_in_at_most_five_per_cent_of_calibrations() -> None:
    num, risk, rng = 600, 0.1, np.random.default_rng(3)
    thresholds = [
        guaranteed_threshold(*draw(rng, 800), thresholds_to_test(*draw(rng, 300), risk), risk).threshold
        for _ in range(num)
    ]
    exceeding = sum(threshold < 1.0 and true_risk(threshold) > risk for threshold in thresholds)
    assert np.mean(np.isfinite(thresholds)) > 0.9  # The promise is no empty one,
    assert exceeding > 0.01 * num  # nor made by accepting far less than the bound allows.
    # No more than chance makes of 5 %; the seed is fixed.
    assert stats.binomtest(exceeding, num, 0.05, alternative="greater").pvalue > 0.05


def test_a_threshold_by_the_estimate_alone_breaks_the_promise() -> None:
    rng = np.random.default_rng(4)
    exceeding = 0
    for _ in range(200):
        confidence, correct = draw(rng, 300)
        order = np.argsort(-confidence)
        is_kept = np.cumsum(~correct[order]) <= 0.1 * np.arange(1, 301)
        exceeding += is_kept.any() and true_risk(confidence[order][np.flatnonzero(is_kept)[-1]]) > 0.1
    assert exceeding > 0.4 * 200


def test_images_that_repeat_each_other_break_it_too() -> None:
    """Captures that are all right or all wrong together count as one image, not as five."""
    rng = np.random.default_rng(5)
    exceeding = 0
    for _ in range(300):
        confidence, correct = (np.repeat(array, 5) for array in draw(rng, 60))
        threshold = guaranteed_threshold(confidence, correct, thresholds_to_test(*draw(rng, 200), 0.1), 0.1).threshold
        exceeding += threshold < 1.0 and true_risk(threshold) > 0.1
    assert stats.binomtest(exceeding, 300, 0.05, alternative="greater").pvalue < 1e-3


def test_impossible_levels_are_refused() -> None:
    for call in (
        lambda: guaranteed_threshold([0.5], np.array([True]), [0.5], 1.5),
        lambda: thresholds_to_test([0.5], np.array([True]), -0.1),
        lambda: images_needed([0.5], np.array([True]), 0.5, math.nan),
    ):
        with pytest.raises(ValueError, match="risk: expected 0 to 1"):
            call()
    with pytest.raises(ValueError, match="risk: expected above 0 and at most 1, got 0"):
        fewest_accepted(0, 0.0)
    assert guarantee.CONFIDENCE_LEVEL == 0.95
