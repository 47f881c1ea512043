import numpy as np
import pytest

from tfp_insects.metrics import calibration


def two_classes(confidences: list[float], correct: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities and labels of two classes with these confidences, all for class 0."""
    confidence = np.array(confidences)
    return np.stack([confidence, 1 - confidence], axis=1), np.where(correct, 0, 1)


def random_predictions(num_examples: int, num_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(num_classes, 0.5), size=num_examples), rng.integers(num_classes, size=num_examples)


def error_by_loops(confidence: np.ndarray, correct: np.ndarray, bins: list[list[int]]) -> float:
    """Guo et al. 2017, eq. 3, as it is written."""
    total = 0.0
    for members in bins:
        if members:
            gap = abs(np.mean([correct[i] for i in members]) - np.mean([confidence[i] for i in members]))
            total += len(members) / len(confidence) * gap
    return total


def test_equal_width_bins_hold_confidence_accuracy_and_count() -> None:
    probabilities, labels = two_classes([0.55, 0.6, 0.9, 1.0], [True, False, True, True])
    bins = calibration.reliability_bins(probabilities, labels, num_bins=5)
    np.testing.assert_array_equal(bins.count, [0, 0, 2, 0, 2])
    np.testing.assert_allclose(bins.confidence, [np.nan, np.nan, 0.575, np.nan, 0.95])
    np.testing.assert_allclose(bins.accuracy, [np.nan, np.nan, 0.5, np.nan, 1.0])


def test_equal_width_error_of_a_small_case() -> None:
    probabilities, labels = two_classes([0.55, 0.6, 0.9, 1.0], [True, False, True, True])
    expected = 2 / 4 * abs(0.5 - 0.575) + 2 / 4 * abs(1.0 - 0.95)
    assert calibration.expected_calibration_error(probabilities, labels, num_bins=5) == pytest.approx(expected)


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    probabilities, labels = two_classes([0.75, np.nextafter(0.75, 1)], [True, True])
    np.testing.assert_array_equal(calibration.reliability_bins(probabilities, labels, num_bins=4).count, [0, 0, 1, 1])


def test_equal_width_error_agrees_with_loops() -> None:
    probabilities, labels = random_predictions(200, 4)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = [[i for i in range(200) if m / 15 < confidence[i] <= (m + 1) / 15] for m in range(15)]
    found = calibration.expected_calibration_error(probabilities, labels)
    assert found == pytest.approx(error_by_loops(confidence, correct, bins), rel=1e-12)


def test_equal_mass_error_agrees_with_loops() -> None:
    probabilities, labels = random_predictions(150, 4)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = [list(members) for members in np.split(np.argsort(confidence), 15)]
    found = calibration.expected_calibration_error(probabilities, labels, binning="equal_mass")
    assert found == pytest.approx(error_by_loops(confidence, correct, bins), rel=1e-12)


def test_equal_mass_bins_are_as_equal_as_can_be() -> None:
    probabilities, labels = random_predictions(100, 4)
    count = calibration.reliability_bins(probabilities, labels, num_bins=15, binning="equal_mass").count
    assert count.sum() == 100
    assert set(count) <= {6, 7}


def test_equal_mass_keeps_equal_confidences_together() -> None:
    probabilities, labels = two_classes([0.6, 0.9, 0.6, 0.6, 0.8], [True, True, False, True, False])
    bins = calibration.reliability_bins(probabilities, labels, num_bins=2, binning="equal_mass")
    np.testing.assert_array_equal(bins.count, [3, 2])
    np.testing.assert_allclose(bins.accuracy, [2 / 3, 1 / 2])


def test_equal_confidences_go_to_the_bin_that_holds_their_middle() -> None:
    # Four of five share ranks 1 to 5, middle 3, beyond half of 5.
    probabilities, labels = two_classes([0.8, 0.8, 0.6, 0.8, 0.8], [True] * 5)
    bins = calibration.reliability_bins(probabilities, labels, num_bins=2, binning="equal_mass")
    np.testing.assert_array_equal(bins.count, [1, 4])


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
def test_order_of_examples_with_equal_confidences_does_not_matter(binning: calibration.Binning) -> None:
    rng = np.random.default_rng(1)
    probabilities, labels = rng.multinomial(10, [0.5, 0.3, 0.2], size=90) / 10, rng.integers(3, size=90)
    examples = rng.permutation(90)
    expected = calibration.expected_calibration_error(probabilities, labels, binning=binning)
    found = calibration.expected_calibration_error(probabilities[examples], labels[examples], binning=binning)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
def test_extremes(binning: calibration.Binning) -> None:
    assert calibration.expected_calibration_error([[1.0, 0.0]] * 4, [0] * 4, binning=binning) == 0.0
    assert calibration.expected_calibration_error([[1.0, 0.0]] * 4, [1] * 4, binning=binning) == 1.0
    assert calibration.expected_calibration_error([[0.7, 0.3]], [0], binning=binning) == pytest.approx(0.3)


def test_one_bin_compares_the_means() -> None:
    probabilities, labels = two_classes([0.6, 0.8], [True, False])
    assert calibration.expected_calibration_error(probabilities, labels, num_bins=1) == pytest.approx(0.7 - 0.5)


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass"])
def test_resampled_error_equals_the_error_of_each_resample(binning: calibration.Binning) -> None:
    probabilities, labels = random_predictions(40, 3)
    counts = np.random.default_rng(2).multinomial(40, np.full(40, 1 / 40), size=25)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = calibration.resampled_calibration_error(confidence, correct, counts, num_bins=6, binning=binning)
    rows = [np.repeat(np.arange(40), row) for row in counts]
    expected = [
        calibration.expected_calibration_error(probabilities[row], labels[row], num_bins=6, binning=binning)
        for row in rows
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities: expected a shape \[num_examples, num_classes\], none"):
        calibration.expected_calibration_error([[[0.5, 0.5]]], [0])
    with pytest.raises(ValueError, match=r"labels: expected shape \[1\]"):
        calibration.reliability_bins([[0.5, 0.5]], [0, 1])
    with pytest.raises(ValueError, match="num_bins: expected 1 or more, got 0"):
        calibration.expected_calibration_error([[0.5, 0.5]], [0], num_bins=0)
