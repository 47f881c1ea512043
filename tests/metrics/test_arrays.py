import numpy as np
import pytest

from tfp_insects.metrics import arrays


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0), (2, 0, 3), (1, 1, 1, 3)])
def test_probabilities_of_a_wrong_shape_are_refused_with_both_shapes_named(shape: tuple[int, ...]) -> None:
    message = r"probabilities: expected a shape \[num_examples, num_classes\] or \[num_samples, num_examples, .*got \["
    with pytest.raises(ValueError, match=message):
        arrays.checked_probabilities(np.full(shape, 1 / 3))


def test_only_the_dimensions_asked_for_are_allowed() -> None:
    with pytest.raises(ValueError, match=r"expected a shape \[num_samples, num_examples, num_classes\], none"):
        arrays.checked_probabilities([[0.5, 0.5]], ndims=(3,))


@pytest.mark.parametrize("row", [[-0.2, 0.6, 0.6], [-0.5, 1.5], [np.nan, 1.0], [2.0, 0.0], [np.inf, 0.0]])
def test_values_that_are_no_probabilities_are_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match=r"probabilities: expected values in \[0, 1\]"):
        arrays.checked_probabilities([row])


def test_probabilities_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected to sum to 1 over the last axis, got a sum that is off by 0\.3"):
        arrays.checked_probabilities([[0.5, 0.5], [0.5, 0.2]])


def test_a_softmax_rounded_to_8_bits_is_allowed_and_comes_back_in_float64() -> None:
    row = np.array([0.25, 0.5, 0.2539], dtype=np.float32)
    found = arrays.checked_probabilities([row])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, row[np.newaxis])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 1], r"labels: expected shape \[2\], one for each example, got \[3\]"),
        ([[0, 1]], r"labels: expected shape \[2\]"),
        ([0.0, 1.0], "labels: expected integers, got float64"),
        ([0, 3], "labels: expected 0 to 2, got 0 to 3"),
        ([-1, 2], "labels: expected 0 to 2, got -1 to 2"),
        ([0, 7], "labels: expected 0 to 2, got 0 to 7"),
    ],
)
def test_wrong_labels_are_refused(labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arrays.checked_labels(labels, 2, 3)


@pytest.mark.parametrize(("scores", "message"), [([], "shape"), ([[1.0]], "shape"), ([np.nan], "finite")])
def test_wrong_scores_are_refused(scores: list, message: str) -> None:
    with pytest.raises(ValueError, match=f"in_scores: expected .*{message}"):
        arrays.checked_scores(scores, "in_scores")


@pytest.mark.parametrize("correct", [[True], [0, 1], [[True, False]]])
def test_correctness_must_be_one_bool_an_example(correct: list) -> None:
    with pytest.raises(ValueError, match=r"correct: expected bool \[2\], got "):
        arrays.checked_correct(correct, 2)


@pytest.mark.parametrize(
    ("counts", "message"),
    [([1, 1], "integers"), ([[1, 1, 1]], "integers"), ([[0.5, 0.5]], "integers"), ([[2, -1]], "no negative"),
     ([[1, 1], [0, 0]], "at least one example")],
)  # fmt: skip
def test_wrong_counts_are_refused(counts: list, message: str) -> None:
    with pytest.raises(ValueError, match=f"counts: expected .*{message}"):
        arrays.checked_counts(counts, 2)
