import math

import numpy as np
import pytest
from scipy import special

from tfp_insects.metrics import scores as metrics
from tfp_insects.metrics import temperature


def test_temperature_divides_logits() -> None:
    # odds = exp(2 / 4)
    odds = math.exp(0.5)
    found = temperature.apply_temperature([[2.0, 0.0]], 4.0)
    np.testing.assert_allclose(found, [[odds / (1 + odds), 1 / (1 + odds)]], rtol=1e-12)


def test_temperature_1_changes_nothing() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(temperature.apply_temperature(np.log(probabilities), 1.0), probabilities, rtol=1e-12)


def test_fit_of_two_classes_has_a_closed_form() -> None:
    # All examples say class 0 with logit 3; 3 of 4 are right. Best: sigmoid(3 / T) = 3/4, T = 3 / log 3.
    logits = [[3.0, 0.0]] * 4
    assert temperature.fit_temperature(logits, [0, 0, 0, 1]) == pytest.approx(3 / math.log(3), rel=1e-5)


def test_fit_finds_the_temperature_that_labels_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=4.0, size=(20000, 5))
    probabilities = special.softmax(logits / 2.5, axis=1)
    labels = (rng.random((20000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=4)
    # The standard error, 1 / sqrt(Fisher information), is about 0.03.
    assert temperature.fit_temperature(logits, labels) == pytest.approx(2.5, abs=0.1)


def test_no_other_temperature_has_a_lower_nll() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(scale=3.0, size=(50, 4)), rng.integers(4, size=50)
    best = temperature.fit_temperature(logits, labels)
    lowest = metrics.negative_log_likelihood(temperature.apply_temperature(logits, best), labels)
    for other in np.geomspace(temperature.MIN_TEMPERATURE, temperature.MAX_TEMPERATURE, 200):
        assert metrics.negative_log_likelihood(temperature.apply_temperature(logits, other), labels) >= lowest - 1e-9


def test_logits_and_their_log_probabilities_are_the_same_thing() -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(scale=3.0, size=(50, 4)), rng.integers(4, size=50)
    shifted = logits + rng.normal(size=(50, 1))
    log_probabilities = special.log_softmax(logits, axis=1)
    expected = temperature.fit_temperature(logits, labels)
    assert temperature.fit_temperature(shifted, labels) == pytest.approx(expected, rel=1e-6)
    assert temperature.fit_temperature(log_probabilities, labels) == pytest.approx(expected, rel=1e-6)


def test_order_of_examples_and_classes_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(scale=3.0, size=(50, 4)), rng.integers(4, size=50)
    examples, classes = rng.permutation(50), rng.permutation(4)
    found = temperature.fit_temperature(logits[examples][:, classes], np.argsort(classes)[labels[examples]])
    assert found == pytest.approx(temperature.fit_temperature(logits, labels), rel=1e-6)


def test_fit_ends_at_a_bound_where_all_is_right_or_all_is_wrong() -> None:
    logits = [[1.0, 0.0], [0.0, 2.0]]
    assert temperature.fit_temperature(logits, [0, 1]) < 0.05
    assert temperature.fit_temperature(logits, [1, 0]) == pytest.approx(temperature.MAX_TEMPERATURE, rel=1e-3)


def test_a_label_of_probability_0_counts_as_the_smallest_normal_number() -> None:
    # 2000 examples give class 1 the probability 0, taken as 2^-1022; one is of class 1. As above, with 1999 of 2000 right.
    log_probabilities, labels = [[0.0, -np.inf]] * 2000, [0] * 1999 + [1]
    expected = 1022 * math.log(2) / math.log(1999)
    assert temperature.fit_temperature(log_probabilities, labels) == pytest.approx(expected, rel=1e-4)


def test_a_label_of_probability_0_neither_breaks_the_fit_nor_the_result() -> None:
    with np.errstate(divide="ignore"):
        log_probabilities = np.log([[1.0, 0.0], [0.9, 0.1], [0.2, 0.8]])
    fitted = temperature.fit_temperature(log_probabilities, [1, 0, 1])
    found = temperature.apply_temperature(log_probabilities, fitted)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"logits: expected a shape \[num_examples, num_classes\].*got \[2\]"):
        temperature.fit_temperature([0.5, 0.5], [0])
    with pytest.raises(ValueError, match=r"labels: expected shape \[1\]"):
        temperature.fit_temperature([[0.5, 0.5]], [0, 1])
    for row in ([np.nan, 0.0], [np.inf, 0.0], [-np.inf, -np.inf]):
        with pytest.raises(ValueError, match="logits: expected no NaN, no plus infinity"):
            temperature.apply_temperature([row], 1.0)
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature: expected above 0 and finite"):
            temperature.apply_temperature([[0.5, 0.5]], wrong)


def overconfident(num_examples: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of one draw that are right less often than they say."""
    rng = np.random.default_rng(4)
    logits = rng.normal(scale=2.0, size=(num_examples, 4))
    labels = (rng.random((num_examples, 1)) > special.softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1).clip(max=3)
    return special.softmax(3.0 * logits, axis=1)[np.newaxis], labels


def test_scaling_predictions_improves_their_nll_and_changes_no_answer() -> None:
    probabilities, labels = overconfident()
    found = temperature.fit_to_predictions(probabilities, labels)
    assert found == pytest.approx(3.0, rel=0.2)
    scaled = temperature.scale_predictions(probabilities, found)
    assert scaled.shape == probabilities.shape
    np.testing.assert_allclose(scaled.sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(scaled.argmax(axis=-1), probabilities.argmax(axis=-1))
    before, after = (metrics.negative_log_likelihood(one, labels) for one in (probabilities, scaled))
    assert after < before - 0.1


def test_draws_are_averaged_before_they_are_scaled() -> None:
    draws = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    odds = (0.7 / 0.3) ** 0.5
    np.testing.assert_allclose(temperature.scale_predictions(draws, 2.0), [[[odds / (1 + odds), 1 / (1 + odds)]]])


def test_a_probability_of_zero_is_no_trouble() -> None:
    scaled = temperature.scale_predictions([[[1.0, 0.0]]], 2.0)
    np.testing.assert_allclose(scaled, [[[1.0, 0.0]]], atol=1e-12)
