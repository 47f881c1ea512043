"""On each resample the shares are those of the rules applied to the resample's images, written out one by one."""

import numpy as np
import pytest

from tfp_insects.metrics.alarm import alarm_threshold
from tfp_insects.metrics.bootstrap import Resampled, resampled_counts
from tfp_insects.metrics.decisions import resampled_answered_alone, resampled_passing
from tfp_insects.metrics.guarantee import guaranteed_threshold, thresholds_to_test


@pytest.mark.parametrize("decimals", [1, 9])  # With equal confidences, and without.
@pytest.mark.parametrize("risk", [0.1, 0.3])
def test_answered_alone_is_what_the_guarantee_accepts(decimals: int, risk: float) -> None:
    rng = np.random.default_rng(1)
    confidence = rng.beta(5, 1, (2, 120)).round(decimals)
    correct = rng.uniform(size=(2, 120)) < confidence
    thresholds = thresholds_to_test(confidence[1], correct[1], risk)
    counts = resampled_counts(rng, [120], 30)
    found = resampled_answered_alone(confidence[0], correct[0], thresholds, risk, counts)
    for share, row in zip(found, counts, strict=True):
        one, right = np.repeat(confidence[0], row), np.repeat(correct[0], row)
        assert share * 120 == pytest.approx(guaranteed_threshold(one, right, thresholds, risk).num_accepted)
    assert found.max() > 0


def test_an_image_that_is_never_accepted_lowers_the_share() -> None:
    confidence, correct = np.append(np.full(99, 0.9), -np.inf), np.ones(100, bool)
    share = resampled_answered_alone(confidence, correct, np.array([0.5, 0.0]), 0.05, np.ones((1, 100), int))
    assert share == pytest.approx(0.99)


def test_no_threshold_gives_no_share() -> None:
    none = resampled_answered_alone(np.ones(9), np.ones(9, bool), np.zeros(0), 0.05, np.ones((2, 9), int))
    assert none.tolist() == [0, 0]


@pytest.mark.parametrize("decimals", [1, 9])
def test_passing_is_what_is_not_above_the_threshold_of_the_alarm(decimals: int) -> None:
    rng = np.random.default_rng(2)
    known, unknown = rng.normal(size=60).round(decimals), rng.normal(1.0, 1.0, 40).round(decimals)
    counts = resampled_counts(rng, [60, 40], 30)
    found = resampled_passing(known, unknown, 0.1, counts)
    for share, row in zip(found, counts, strict=True):
        threshold = alarm_threshold(np.repeat(known, row[:60]), 0.1)
        assert share == pytest.approx(np.mean(np.repeat(unknown, row[60:]) <= threshold))


def test_p_value_and_interval_agree_on_what_is_shown() -> None:
    values = np.random.default_rng(3).normal(0.2, 0.1, 2000)
    for shift in np.linspace(-0.3, 0.3, 61):
        one = Resampled(np.float64(0.2 + shift), values + shift)
        low, high = np.quantile(one.values, [0.025, 0.975])
        if abs(low) > 0.005 and abs(high) > 0.005:  # Away from where one resample decides.
            assert (one.p_value() < 0.05) == (low > 0 or high < 0)
            assert (one.p_value("basic") < 0.05) == (one.interval("basic").sign != 0)
