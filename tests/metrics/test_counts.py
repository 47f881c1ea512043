import numpy as np
import pytest

from tfp_insects.errors import InputError
from tfp_insects.metrics import counts

# With half a pseudo-count a cell, 79.5, 20.5 | 9.5, 90.5 of 100.
TWO_CLASSES = np.array([[79, 20], [9, 90]])
FOUR_CLASSES = np.array([[30, 5, 3, 2], [4, 33, 2, 1], [2, 6, 28, 4], [1, 1, 8, 30]])


def rates_of(confusion: np.ndarray) -> np.ndarray:
    smoothed = confusion + 1 / len(confusion)
    return smoothed / smoothed.sum(axis=1, keepdims=True)


def log_likelihood(values: np.ndarray, confusion: np.ndarray, predicted: np.ndarray) -> float:
    return float(predicted @ np.log(values / values.sum() @ rates_of(confusion)))


def test_confusion_matrix_has_true_classes_in_rows() -> None:
    found = counts.confusion_matrix([0, 0, 1], [0, 2, 1], 3)
    np.testing.assert_array_equal(found, [[1, 0, 1], [0, 1, 0], [0, 0, 0]])


def test_two_classes_follow_the_closed_form() -> None:
    # 0.795 n + 0.095 (1000 - n) = 600
    expected = (600 - 95) / (0.795 - 0.095)
    found = counts.corrected_counts(TWO_CLASSES, [600, 400], seed=0, num_resamples=10)
    np.testing.assert_allclose(found.counts, [expected, 1000 - expected], atol=0.2)


def test_four_classes_solve_the_linear_equations_where_no_count_is_negative() -> None:
    true = np.array([400, 300, 200, 100])
    predicted = np.array([352, 316, 214, 118])
    expected = np.linalg.solve(rates_of(FOUR_CLASSES).T, predicted)
    assert expected.min() > 0
    found = counts.corrected_counts(FOUR_CLASSES, predicted, seed=0, num_resamples=10)
    np.testing.assert_allclose(found.counts, expected, atol=1.0)
    assert np.abs(found.counts - true).max() < 30


def test_a_count_that_would_be_negative_is_0_and_the_sum_is_kept() -> None:
    # Fewer are predicted as class 0 than errors on class 1 alone explain: 50 against 95.
    found = counts.corrected_counts(TWO_CLASSES, [50, 950], seed=0, num_resamples=10)
    np.testing.assert_allclose(found.counts, [0, 1000], atol=0.1)
    assert found.counts.sum() == pytest.approx(1000)


def test_no_other_counts_are_more_likely() -> None:
    predicted = np.array([10, 700, 20, 270])
    found = counts.corrected_counts(FOUR_CLASSES, predicted, seed=0, num_resamples=10).counts
    best = log_likelihood(found, FOUR_CLASSES, predicted)
    rng = np.random.default_rng(0)
    for other in rng.dirichlet(np.ones(4), size=500):
        for share in (1.0, 0.1, 0.01):
            mixed = (1 - share) * found + share * 1000 * other
            assert log_likelihood(mixed, FOUR_CLASSES, predicted) <= best + 1e-3


def test_a_classifier_without_errors_leaves_counts_as_they_are() -> None:
    found = counts.corrected_counts(np.diag([10**7] * 3), [700, 0, 300], seed=0)
    for values in (found.counts, found.low, found.high):
        np.testing.assert_allclose(values, [700, 0, 300], atol=0.1)


def test_order_of_classes_does_not_matter() -> None:
    order = np.array([2, 0, 3, 1])
    predicted = np.array([352, 316, 214, 118])
    expected = counts.corrected_counts(FOUR_CLASSES, predicted, seed=0, num_resamples=10).counts
    found = counts.corrected_counts(FOUR_CLASSES[order][:, order], predicted[order], seed=0, num_resamples=10).counts
    np.testing.assert_allclose(found, expected[order], rtol=1e-9)


def test_classes_never_told_apart_get_wide_intervals() -> None:
    found = counts.corrected_counts([[20, 20], [20, 20]], [500, 500], seed=0, num_resamples=300)
    assert found.low.max() < 50
    assert found.high.min() > 950


def test_the_interval_narrows_with_labelled_images() -> None:
    few = counts.corrected_counts(FOUR_CLASSES, [352, 316, 214, 118], seed=0, num_resamples=300)
    many = counts.corrected_counts(100 * FOUR_CLASSES, [352, 316, 214, 118], seed=0, num_resamples=300)
    assert ((many.high - many.low) < 0.7 * (few.high - few.low)).all()


def test_the_interval_of_known_error_rates_has_the_width_of_the_errors_on_the_images_counted() -> None:
    # 0.8 x 600 + 0.1 x 400 = 520. Of n = (m - 0.1 x 1000) / 0.7, only m is uncertain, with the variance of two binomials.
    found = counts.corrected_counts(
        [[8 * 10**6, 2 * 10**6], [10**6, 9 * 10**6]], [520, 480], seed=0, num_resamples=4000
    )
    deviation = np.sqrt(600 * 0.8 * 0.2 + 400 * 0.1 * 0.9) / 0.7
    np.testing.assert_allclose(found.counts, [600, 400], atol=1)
    np.testing.assert_allclose(found.high - found.low, 2 * 1.96 * deviation, rtol=0.06)


def test_the_interval_is_that_of_a_bootstrap_of_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    # Ten labelled images of each class, all right; half a pseudo-count a cell.
    right, wrong = 10.5 / 11, 0.5 / 11
    estimate = round((300 - 1000 * wrong) / (right - wrong))
    first, second = (rng.binomial(10, rate, 20_000) / 11 + wrong for rate in (right, wrong))
    predicted = rng.binomial(estimate, right, 20_000) + rng.binomial(1000 - estimate, wrong, 20_000)
    expected = np.quantile(np.clip((predicted - 1000 * second) / (first - second), 0, 1000), [0.025, 0.975])
    found = counts.corrected_counts([[10, 0], [0, 10]], [300, 700], seed=0, num_resamples=2000)
    np.testing.assert_allclose([found.low[0], found.high[0]], expected, atol=10)


def test_a_seed_repeats_the_interval() -> None:
    first, again, other = (
        counts.corrected_counts(FOUR_CLASSES, [352, 316, 214, 118], seed=seed, num_resamples=50) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.low, again.low)
    np.testing.assert_array_equal(first.high, again.high)
    assert (first.low != other.low).any()


def test_intervals_cover_the_true_counts_95_times_in_100_and_predicted_counts_miss_them() -> None:
    """Draws a labelled set and a set to count 120 times from one known classifier, without the pseudo-counts."""
    rng = np.random.default_rng(0)
    rates = np.array([[0.85, 0.10, 0.05], [0.15, 0.80, 0.05], [0.02, 0.18, 0.80]])
    true = np.array([600, 300, 30])
    covered, naive_errors, errors = [], [], []
    for trial in range(120):
        labelled = rng.multinomial([40, 40, 40], rates)
        predicted = rng.multinomial(true, rates).sum(axis=0)
        found = counts.corrected_counts(labelled, predicted, seed=trial, num_resamples=200)
        covered.append((found.low <= true) & (true <= found.high))
        errors.append(found.counts - true)
        naive_errors.append(predicted - true)
    # The standard error of a share of 95 % in 120 trials is 2 %.
    assert (np.mean(covered, axis=0) >= 0.89).all()
    assert 0.91 <= np.mean(covered) <= 0.99
    assert np.abs(np.mean(errors, axis=0)).max() < 12
    # 0.85 x 600 + 0.15 x 300 + 0.02 x 30 - 600 = -44.4 images of class 0 on average.
    assert np.mean(naive_errors, axis=0)[0] == pytest.approx(-44.4, abs=5)


@pytest.mark.parametrize("num_images", [100, 10_000, 1_000_000])
@pytest.mark.parametrize("num_classes", [2, 10, 27])
def test_counts_are_most_likely_where_classes_are_often_confused(
    num_classes: int, num_images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MAX_STEPS", 30)  # Newton's steps are few.
    # A model that is right in a quarter of cases more than chance: prevalences are hardly told apart.
    rng = np.random.default_rng(num_classes)
    rates = 0.25 * np.eye(num_classes) + 0.75 * rng.dirichlet(np.full(num_classes, 3.0), num_classes)
    confusion = np.array([rng.multinomial(50, row) for row in rates])
    prevalence = rng.dirichlet(np.full(num_classes, 0.3))
    predicted = rng.multinomial(num_images, prevalence @ rates)
    found = counts.corrected_counts(confusion, predicted, seed=0, num_resamples=20).counts
    assert found.min() >= 0
    assert found.sum() == pytest.approx(num_images)
    # Optimality (Karush, Kuhn, Tucker): the gradient an image is 1 where the count is above 0, and at most 1 elsewhere.
    expected = found / num_images @ rates_of(confusion)
    gain = rates_of(confusion) @ (predicted / num_images / expected)
    assert num_images * (gain.max() - 1.0) <= 1e-3
    assert (found / num_images) @ gain == pytest.approx(1.0)


def test_a_class_without_labelled_images_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"of the classes with index \[1\] there is none: add some, or leave"):
        counts.corrected_counts([[5, 0], [0, 0]], [1, 1], seed=0)


@pytest.mark.parametrize(
    ("confusion", "predicted", "message"),
    [
        ([[1, 0]], [1, 1], r"confusion, predicted_counts: expected shapes .* got \[1, 2\] and \[2\]"),
        ([[1]], [[1]], r"got \[1, 1\] and \[1, 1\]"),
        ([], [], r"got \[0\] and \[0\]"),
        (np.zeros((0, 0), int), np.zeros(0, int), r"got \[0, 0\] and \[0\]"),
        ([[1.5, 0], [0, 1]], [1, 1], "confusion: expected integers, none negative, got float64"),
        ([[1, -1], [0, 1]], [1, 1], "confusion: expected integers, none negative, got int64, lowest -1"),
        ([[1, 0], [0, 1]], [0.5, 1], "predicted_counts: expected integers"),
        ([[1, 0], [0, 1]], [0, 0], "predicted_counts: expected one image or more to count, got none"),
    ],
)
def test_wrong_arguments_are_refused(confusion: list, predicted: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        counts.corrected_counts(confusion, predicted, seed=0)


def test_one_class_and_one_resample_are_enough() -> None:
    found = counts.corrected_counts([[4]], [3], seed=0, num_resamples=1)
    assert (found.counts.tolist(), found.low.tolist(), found.high.tolist()) == ([3.0], [3.0], [3.0])


def test_a_wrong_number_of_resamples_is_refused() -> None:
    with pytest.raises(ValueError, match="num_resamples: expected 1 or more, got 0"):
        counts.corrected_counts(TWO_CLASSES, [1, 1], seed=0, num_resamples=0)


def test_wrong_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="labels: expected 0 to 1, got 0 to 2"):
        counts.confusion_matrix([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match=r"predicted_classes: expected shape \[2\]"):
        counts.confusion_matrix([0, 1], [0], 2)
