import math

import numpy as np
import pytest
from scipy import stats

from tfp_insects.metrics import bootstrap as statistics


def skewed_values(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=num)


def maximum_of(values: np.ndarray) -> statistics.Statistic:
    return lambda counts: np.where(counts > 0, values, -np.inf).max(axis=1)


def test_mean_of_weights_each_image_by_its_count() -> None:
    found = statistics.mean_of([1.0, 2.0, 4.0])(np.array([[1, 1, 1], [0, 3, 0], [2, 0, 1]]))
    np.testing.assert_allclose(found, [7 / 3, 2.0, 6 / 3])


def test_percentile_interval_agrees_with_scipy() -> None:
    values = skewed_values(60)
    found = statistics.bootstrap_interval(statistics.mean_of(values), 60, seed=0, num_resamples=20000)
    reference = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile", rng=1)
    assert found.estimate == pytest.approx(values.mean())
    tolerance = 0.05 * reference.standard_error
    assert found.low == pytest.approx(reference.confidence_interval.low, abs=tolerance)
    assert found.high == pytest.approx(reference.confidence_interval.high, abs=tolerance)


def test_basic_interval_agrees_with_scipy() -> None:
    values = skewed_values(60)
    found = statistics.bootstrap_interval(
        statistics.mean_of(values), 60, seed=0, num_resamples=20000, level=0.8, method="basic"
    )
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="basic", confidence_level=0.8, rng=1
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.01)


def test_interval_of_a_share_has_the_width_of_the_binomial_one() -> None:
    correct = np.arange(1000) < 700
    found = statistics.bootstrap_interval(statistics.mean_of(correct), 1000, seed=0, num_resamples=4000)
    expected = 2 * 1.96 * math.sqrt(0.7 * 0.3 / 1000)
    assert found.high - found.low == pytest.approx(expected, rel=0.05)


def test_a_constant_has_an_interval_of_no_width() -> None:
    found = statistics.bootstrap_interval(statistics.mean_of(np.ones(20)), 20, seed=0, num_resamples=50)
    assert found == statistics.Interval(1.0, 1.0, 1.0)


def test_one_image() -> None:
    found = statistics.bootstrap_interval(statistics.mean_of([0.5]), 1, seed=0, num_resamples=5)
    assert found == statistics.Interval(0.5, 0.5, 0.5)


def test_a_seed_repeats_the_interval() -> None:
    statistic = statistics.mean_of(skewed_values(30))
    first, again, other = (
        statistics.bootstrap_interval(statistic, 30, seed=seed, num_resamples=100) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_resamples_are_evaluated_in_parts_that_fit_memory() -> None:
    rows = []

    def statistic(counts: np.ndarray) -> np.ndarray:
        rows.append(len(counts))
        assert counts.size <= statistics.MAX_COUNTS_PER_CALL
        return counts[:, 0].astype(np.float64)

    num_examples = statistics.MAX_COUNTS_PER_CALL // 3
    statistics.bootstrap_interval(statistic, num_examples, seed=0, num_resamples=7)
    assert rows == [3, 3, 1, 1]


def test_several_sets_are_resampled_each_for_itself() -> None:
    def statistic(counts: np.ndarray) -> np.ndarray:
        np.testing.assert_array_equal(counts[:, :4].sum(axis=1), 4)
        np.testing.assert_array_equal(counts[:, 4:].sum(axis=1), 6)
        return counts[:, 0].astype(np.float64)

    statistics.bootstrap_interval(statistic, (4, 6), seed=0, num_resamples=50)


def test_basic_interval_takes_out_the_bias_of_resampling() -> None:
    # The maximum of a resample is never above that of the data: percentiles lie below the estimate, basic ends above.
    values = skewed_values(50)
    percentile = statistics.bootstrap_interval(maximum_of(values), 50, seed=0)
    basic = statistics.bootstrap_interval(maximum_of(values), 50, seed=0, method="basic")
    assert percentile.high == percentile.estimate == basic.low
    assert basic.high == pytest.approx(2 * values.max() - percentile.low)


def test_paired_difference_is_the_bootstrap_of_the_differences() -> None:
    first, second = skewed_values(80), skewed_values(80, seed=1)
    found = (
        statistics.bootstrap(statistics.mean_of(first), 80, seed=0)
        - statistics.bootstrap(statistics.mean_of(second), 80, seed=0)
    ).interval()
    expected = statistics.bootstrap_interval(statistics.mean_of(first - second), 80, seed=0)
    assert (found.estimate, found.low, found.high) == pytest.approx((expected.estimate, expected.low, expected.high))


def test_pairing_removes_what_two_runs_share() -> None:
    rng = np.random.default_rng(0)
    difficulty = rng.exponential(size=200)
    first, second = difficulty + 0.05 + rng.normal(scale=0.01, size=200), difficulty
    both = statistics.bootstrap(
        statistics.side_by_side([statistics.mean_of(first), statistics.mean_of(second)]), 200, seed=0
    )
    found = (both.part(0) - both.part(1)).interval()
    assert 0.045 < found.low < found.estimate < found.high < 0.055
    single = statistics.bootstrap_interval(statistics.mean_of(first), 200, seed=0)
    assert single.high - single.low > 20 * (found.high - found.low)


def test_a_run_does_not_differ_from_itself() -> None:
    one = statistics.bootstrap(statistics.mean_of(skewed_values(40)), 40, seed=0)
    assert (one - one).interval() == statistics.Interval(0.0, 0.0, 0.0)


def test_a_function_of_several_figures_is_evaluated_resample_by_resample() -> None:
    first, second = skewed_values(50), skewed_values(50, seed=1)
    both = statistics.bootstrap(
        statistics.side_by_side([statistics.mean_of(first), statistics.mean_of(second)]), 50, seed=0, num_resamples=300
    )
    ratio = statistics.combined(lambda values: values[0] / values[1], [both.part(0), both.part(1)])
    assert ratio.estimate == pytest.approx(first.mean() / second.mean())
    np.testing.assert_array_equal(ratio.values, both.values[:, 0] / both.values[:, 1])
    mean = statistics.mean_of_figures([both.part(0), both.part(1)]).interval()
    expected = statistics.bootstrap_interval(statistics.mean_of((first + second) / 2), 50, seed=0, num_resamples=300)
    assert (mean.estimate, mean.low, mean.high) == pytest.approx((expected.estimate, expected.low, expected.high))


def test_several_figures_have_no_single_interval() -> None:
    both = statistics.bootstrap(statistics.side_by_side([statistics.mean_of([1.0, 2.0])] * 2), 2, seed=0)
    with pytest.raises(ValueError, match=r"values: expected those of one figure, \[num_resamples\], got \[2000, 2\]"):
        both.interval()


def test_95_percent_of_intervals_cover_the_true_mean() -> None:
    # The mean of the exponential distribution is 1. The standard error of a share of 95 % in 300 trials is 1.3 %.
    covered = []
    for trial in range(300):
        statistic = statistics.mean_of(skewed_values(200, seed=trial))
        found = statistics.bootstrap_interval(statistic, 200, seed=trial, num_resamples=300)
        covered.append(found.low <= 1.0 <= found.high)
    assert 0.90 <= np.mean(covered) <= 0.98


def over_seeds(
    seeds: list[statistics.Statistic], num_images: int, is_shared: bool, **more: int
) -> statistics.Resampled:
    """Of seeds that are tested on the same images, or on as many of their own."""
    if is_shared:
        return statistics.bootstrap_over_seeds(seeds, [0] * len(seeds), num_shared=[num_images], **more)
    return statistics.bootstrap_over_seeds(seeds, [num_images] * len(seeds), **more)


def test_of_one_seed_there_is_the_interval_over_images() -> None:
    statistic = statistics.mean_of(skewed_values(50))
    expected = statistics.bootstrap_interval(statistic, 50, seed=1, num_resamples=5000)
    for is_shared in (False, True):
        found = over_seeds([statistic], 50, is_shared, seed=0, num_resamples=5000).interval()
        assert found.estimate == expected.estimate
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)


@pytest.mark.parametrize("is_shared", [False, True])
def test_of_constants_there_is_the_interval_of_drawing_seeds(is_shared: bool) -> None:
    # Two seeds at 0 and 1 have means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: quantiles 0.2 and 0.8 are 0 and 1.
    seeds = [statistics.mean_of(np.zeros(10)), statistics.mean_of(np.ones(10))]
    found = over_seeds(seeds, 10, is_shared, seed=0)
    assert found.interval(level=0.6) == statistics.Interval(0.5, 0.0, 1.0)
    assert found.interval(level=0.4) == statistics.Interval(0.5, 0.5, 0.5)


def test_shared_images_do_not_average_out_over_seeds_and_own_images_do() -> None:
    # Four equal seeds: on shared images the variance is that of one, var / n. On own images, a seed drawn m_s times
    # counts m_s independent resamples, so that the variance is var / (4 n).
    values = skewed_values(400)
    seeds = [statistics.mean_of(values)] * 4
    variance = values.var() / 400
    for is_shared, expected in ((True, variance), (False, variance / 4)):
        found = over_seeds(seeds, 400, is_shared, seed=0, num_resamples=4000).interval()
        assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(expected), rel=0.06)


def test_seeds_with_images_of_their_own_may_share_others() -> None:
    # Half of each figure is of 300 images of a seed's own, half of 300 that both share. With equal values v in all,
    # the variance is that of two seeds in the first half and of one in the second: var (1/2 + 1) / (4 x 300).
    values = skewed_values(300)
    both = np.tile(values, 2)

    def half_and_half(counts: np.ndarray) -> np.ndarray:
        np.testing.assert_array_equal(counts[:, :300].sum(axis=1), counts[:, 300:].sum(axis=1))
        return counts @ both / 600

    found = statistics.bootstrap_over_seeds(
        [half_and_half] * 2, [300, 300], num_shared=[300], seed=0, num_resamples=4000
    ).interval()
    assert found.estimate == pytest.approx(values.mean())
    expected = 2 * 1.96 * math.sqrt(values.var() * 1.5 / 1200)
    assert found.high - found.low == pytest.approx(expected, rel=0.06)


def test_all_seeds_drawn_in_a_resample_see_the_same_shared_images() -> None:
    # One image of a seed's own, which is in every resample once, and two shared ones: the figure is a count among these.
    seeds = [lambda counts: counts[:, 1].astype(float), lambda counts: -counts[:, 1].astype(float)]
    found = statistics.bootstrap_over_seeds(seeds, [1, 1], num_shared=[2], seed=0, num_resamples=500)
    # Both drawn: c - c. One drawn twice: c or -c. So no half numbers, which independent images would give.
    assert set(np.unique(found.values)) == {-2.0, -1.0, 0.0, 1.0, 2.0}


def test_seeds_may_have_tests_of_different_sizes() -> None:
    def share_of_first_three(counts: np.ndarray) -> np.ndarray:
        return counts[:, :3].sum(axis=1) / counts.shape[1]

    found = statistics.bootstrap_over_seeds(
        [share_of_first_three, share_of_first_three], [3, 12], seed=0, num_resamples=200
    )
    assert found.estimate == (1 + 3 / 12) / 2
    assert found.interval().high == 1.0


def test_resamples_of_seeds_repeat_under_a_seed() -> None:
    seeds = [statistics.mean_of(skewed_values(20, seed)) for seed in range(3)]
    for is_shared in (False, True):
        first, again, other = (
            over_seeds(seeds, 20, is_shared, seed=seed, num_resamples=100).interval() for seed in (1, 1, 2)
        )
        assert first == again
        assert first != other


def test_counts_are_those_of_images_drawn_with_replacement() -> None:
    # Each count is binomial(n, 1/n): mean 1, variance 1 - 1/n; counts of two images have covariance -1/n.
    counts = statistics.resampled_counts(np.random.default_rng(0), [5, 0, 3], 40000)
    assert counts.shape == (40000, 8)
    assert (counts[:, :5].sum(axis=1) == 5).all()
    assert (counts[:, 5:].sum(axis=1) == 3).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.02)
    covariance = np.cov(counts[:, :5].T)
    np.testing.assert_allclose(covariance, np.eye(5) - 1 / 5, atol=0.03)
    np.testing.assert_allclose(np.cov(counts[:, 0], counts[:, 5])[0, 1], 0.0, atol=0.03)


def test_wrong_arguments_are_refused() -> None:
    statistic = statistics.mean_of([1.0, 2.0])
    with pytest.raises(ValueError, match="values: expected finite numbers"):
        statistics.mean_of([np.inf])
    with pytest.raises(ValueError, match="num_examples: expected 1 or more, got 0"):
        statistics.bootstrap_interval(statistic, 0, seed=0)
    with pytest.raises(ValueError, match=r"num_examples: expected 1 or more, got \(2, 0\)"):
        statistics.bootstrap_interval(statistic, (2, 0), seed=0)
    with pytest.raises(ValueError, match="num_resamples: expected 1 or more, got 0"):
        statistics.bootstrap_interval(statistic, 2, seed=0, num_resamples=0)
    with pytest.raises(ValueError, match="level: expected between 0 and 1, got 95"):
        statistics.bootstrap_interval(statistic, 2, seed=0, level=95)


def test_wrong_seeds_are_refused() -> None:
    statistic = statistics.mean_of([1.0, 2.0])
    with pytest.raises(ValueError, match="num_examples: expected one for each of 2 statistics, got 1"):
        statistics.bootstrap_over_seeds([statistic, statistic], [2], seed=0)
    with pytest.raises(ValueError, match="num_examples: expected one for each of 0 statistics, got 0"):
        statistics.bootstrap_over_seeds([], [], seed=0)
    with pytest.raises(ValueError, match=r"num_examples: expected 1 or more where no images are shared, got \[2, 0\]"):
        statistics.bootstrap_over_seeds([statistic, statistic], [2, 0], seed=0)
    with pytest.raises(ValueError, match=r"expected no negative number, got \[-1\], \(2,\)"):
        statistics.bootstrap_over_seeds([statistic], [-1], num_shared=(2,), seed=0)
    with pytest.raises(ValueError, match=r"expected no negative number, got \[2\], \(0,\)"):
        statistics.bootstrap_over_seeds([statistic], [2], num_shared=(0,), seed=0)
    with pytest.raises(ValueError, match="num_resamples: expected 1 or more, got 0"):
        statistics.bootstrap_over_seeds([statistic], [2], seed=0, num_resamples=0)
