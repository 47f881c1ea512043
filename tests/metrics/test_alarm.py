import math

import numpy as np
import pytest
from scipy import stats

from tfp_insects.metrics.alarm import alarm_threshold, false_alarm_interval, fewest_for_alarm


@pytest.mark.parametrize("num", [19, 20, 57, 100])
def test_a_new_known_image_sets_it_off_at_most_as_often_as_stated_by_counting_all_orders(num: int) -> None:
    """Of num + 1 exchangeable images, each is the new one equally often: no more than 5 % of them are above the others'."""
    for values in (np.random.default_rng(0).normal(size=num + 1), np.repeat(np.arange(num), 3)[: num + 1]):
        above = [values[i] > alarm_threshold(np.delete(values, i), 0.05) for i in range(num + 1)]
        assert np.mean(above) <= 0.05
        if len(np.unique(values)) == num + 1:
            assert np.sum(above) == math.floor(0.05 * (num + 1))  # And no less than can be had.


def test_the_rate_lies_in_its_interval_as_often_as_stated() -> None:
    num, rng = 120, np.random.default_rng(1)
    rates = 1.0 - np.array([alarm_threshold(rng.uniform(size=num), 0.1) for _ in range(2000)])
    low, high = false_alarm_interval(num, 0.1)
    num_inside = int(np.sum((rates >= low) & (rates <= high)))
    interval = stats.binomtest(num_inside, 2000).proportion_ci(0.999)
    assert interval.low <= 0.95 <= interval.high
    assert rates.mean() <= 0.1


def test_too_few_images_set_off_no_alarm() -> None:
    assert fewest_for_alarm(0.05) == 19
    assert [fewest_for_alarm(rate) for rate in (0.5, 0.1, 0.01, 0.9)] == [1, 9, 99, 1]
    assert alarm_threshold(np.arange(18.0), 0.05) == math.inf
    assert false_alarm_interval(18, 0.05) == (0.0, 0.0)
    assert alarm_threshold(np.arange(19.0), 0.05) == 18.0


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
def test_impossible_rates_are_refused(rate: float) -> None:
    for call in (lambda: alarm_threshold([1.0], rate), lambda: false_alarm_interval(5, rate)):
        with pytest.raises(ValueError, match="false_alarm_rate: expected above 0 and below 1"):
            call()
