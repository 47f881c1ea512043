import numpy as np
import pytest
from scipy import stats

from tfp_insects.metrics.proportions import wilson_interval


@pytest.mark.parametrize(("right", "num"), [(0, 7), (3, 7), (50, 50), (412, 500)])
def test_is_that_of_scipy(right, num):
    expected = stats.binomtest(right, num).proportion_ci(method="wilson")
    low, high = wilson_interval(right / num, num)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high))


def test_takes_arrays_and_averages():
    low, high = wilson_interval(np.array([0.25, 1.0]), np.array([10.5, 3.0]))
    assert low.shape == high.shape == (2,)
    assert low[0] < 0.25 < high[0]
    assert high[1] == pytest.approx(1.0)
