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
    found = statistics.bootstrap_interval(
        statistics.difference_of(statistics.mean_of(first), statistics.mean_of(second)), 80, seed=0
    )
    expected = statistics.bootstrap_interval(statistics.mean_of(first - second), 80, seed=0)
    assert (found.estimate, found.low, found.high) == pytest.approx((expected.estimate, expected.low, expected.high))


def test_pairing_removes_what_two_runs_share() -> None:
    rng = np.random.default_rng(0)
    difficulty = rng.exponential(size=200)
    first, second = difficulty + 0.05 + rng.normal(scale=0.01, size=200), difficulty
    found = statistics.bootstrap_interval(
        statistics.difference_of(statistics.mean_of(first), statistics.mean_of(second)), 200, seed=0
    )
    assert 0.045 < found.low < found.estimate < found.high < 0.055
    single = statistics.bootstrap_interval(statistics.mean_of(first), 200, seed=0)
    assert single.high - single.low > 20 * (found.high - found.low)


def test_a_run_does_not_differ_from_itself() -> None:
    statistic = statistics.mean_of(skewed_values(40))
    assert statistics.bootstrap_interval(
        statistics.difference_of(statistic, statistic), 40, seed=0
    ) == statistics.Interval(0.0, 0.0, 0.0)


def test_95_percent_of_intervals_cover_the_true_mean() -> None:
    # The mean of the exponential distribution is 1. The standard error of a share of 95 % in 300 trials is 1.3 %.
    covered = []
    for trial in range(300):
        statistic = statistics.mean_of(skewed_values(200, seed=trial))
        found = statistics.bootstrap_interval(statistic, 200, seed=trial, num_resamples=300)
        covered.append(found.low <= 1.0 <= found.high)
    assert 0.90 <= np.mean(covered) <= 0.98


def test_seeds_interval_of_one_seed_is_the_interval_over_images() -> None:
    statistic = statistics.mean_of(skewed_values(50))
    expected = statistics.bootstrap_interval(statistic, 50, seed=1, num_resamples=5000)
    for shared_images in (False, True):
        found = statistics.seeds_interval([statistic], [50], shared_images=shared_images, seed=0, num_resamples=5000)
        assert found.estimate == expected.estimate
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)


@pytest.mark.parametrize("shared_images", [False, True])
def test_seeds_interval_of_constants_is_that_of_drawing_seeds(shared_images: bool) -> None:
    # Two seeds at 0 and 1 have means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: quantiles 0.2 and 0.8 are 0 and 1.
    seeds = [statistics.mean_of(np.zeros(10)), statistics.mean_of(np.ones(10))]
    found = statistics.seeds_interval(seeds, [10, 10], shared_images=shared_images, seed=0, level=0.6)
    assert found == statistics.Interval(0.5, 0.0, 1.0)
    inner = statistics.seeds_interval(seeds, [10, 10], shared_images=shared_images, seed=0, level=0.4)
    assert inner == statistics.Interval(0.5, 0.5, 0.5)


def test_shared_images_do_not_average_out_over_seeds_and_own_images_do() -> None:
    # Four equal seeds: on shared images the variance is that of one, var / n. On own images, a seed drawn m_s times
    # counts m_s independent resamples, so that the variance is var / (4 n).
    values = skewed_values(400)
    seeds = [statistics.mean_of(values)] * 4
    variance = values.var() / 400
    for shared_images, expected in ((True, variance), (False, variance / 4)):
        found = statistics.seeds_interval(seeds, [400] * 4, shared_images=shared_images, seed=0, num_resamples=4000)
        assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(expected), rel=0.06)


def test_seeds_may_have_tests_of_different_sizes_and_several_sets() -> None:
    def share_in_first_set(counts: np.ndarray) -> np.ndarray:
        return counts[:, :3].sum(axis=1) / counts.sum(axis=1)

    found = statistics.seeds_interval(
        [share_in_first_set, share_in_first_set], [(3, 3), (3, 9)], shared_images=False, seed=0, num_resamples=200
    )
    assert found == statistics.Interval((3 / 6 + 3 / 12) / 2, 3 / 12, 3 / 6)


def test_seeds_interval_repeats_under_a_seed() -> None:
    seeds = [statistics.mean_of(skewed_values(20, seed)) for seed in range(3)]
    first, again, other = (
        statistics.seeds_interval(seeds, [20] * 3, shared_images=False, seed=seed, num_resamples=100)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_mcnemar_counts_discordant_images_and_their_exact_p_value() -> None:
    # Only the first is right on 1 image, only the second on 6: 2 x (C(7, 0) + C(7, 1)) / 2^7.
    first = np.array([True] * 10 + [False] * 6 + [True] + [False] * 3)
    second = np.array([True] * 10 + [True] * 6 + [False] + [False] * 3)
    found = statistics.mcnemar_test(first, second)
    assert (found.only_first_correct, found.only_second_correct) == (1, 6)
    assert found.p_value == pytest.approx(2 * (1 + 7) / 2**7)


def test_mcnemar_is_symmetric_and_ignores_the_order_of_images() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(200) < 0.6, rng.random(200) < 0.7
    order = rng.permutation(200)
    expected = statistics.mcnemar_test(first, second)
    assert statistics.mcnemar_test(first[order], second[order]) == expected
    assert statistics.mcnemar_test(second, first).p_value == pytest.approx(expected.p_value)


def test_mcnemar_of_equal_answers_and_of_a_draw_is_1() -> None:
    assert statistics.mcnemar_test([True, False], [True, False]).p_value == 1.0
    assert statistics.mcnemar_test([True, False], [False, True]).p_value == pytest.approx(1.0)


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
    with pytest.raises(ValueError, match=r"second_correct: expected bool \[2\], got bool \[1\]"):
        statistics.mcnemar_test([True, False], [True])
    with pytest.raises(ValueError, match=r"first_correct: expected bool \[2\], got int64 \[2\]"):
        statistics.mcnemar_test([1, 0], [True, False])


def test_wrong_seeds_are_refused() -> None:
    statistic = statistics.mean_of([1.0, 2.0])
    with pytest.raises(ValueError, match="num_examples: expected one for each of 2 statistics, got 1"):
        statistics.seeds_interval([statistic, statistic], [2], shared_images=False, seed=0)
    with pytest.raises(ValueError, match="num_examples: expected one for each of 0 statistics, got 0"):
        statistics.seeds_interval([], [], shared_images=False, seed=0)
    with pytest.raises(ValueError, match=r"num_examples: expected equal ones, as images are shared .* got \[2, 3\]"):
        statistics.seeds_interval([statistic, statistic], [2, 3], shared_images=True, seed=0)
    with pytest.raises(ValueError, match="num_resamples: expected 1 or more, got 0"):
        statistics.seeds_interval([statistic], [2], shared_images=True, seed=0, num_resamples=0)
