import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from tfp_insects.metrics import scores as metrics
from tfp_insects.metrics.summary import summarize

# Two draws, three examples, two classes.
DRAWS = np.array([[[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]], [[0.3, 0.7], [0.9, 0.1], [0.1, 0.9]]], dtype=np.float32)
LABELS = np.array([0, 1, 1], dtype=np.int32)


def random_draws(num_samples: int, num_examples: int, num_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(num_classes, 0.5), size=(num_samples, num_examples))


def random_labels(num_examples: int, num_classes: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(num_classes, size=num_examples)


def entropy(*row: float) -> float:
    return -sum(p * math.log(p) for p in row if p > 0)


def test_mean_probabilities_average_over_draws_in_float64() -> None:
    found = metrics.mean_probabilities(DRAWS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [[0.55, 0.45], [0.7, 0.3], [0.1, 0.9]], rtol=1e-7)


def test_mean_probabilities_pass_averaged_ones_through() -> None:
    np.testing.assert_array_equal(metrics.mean_probabilities([[0.25, 0.75]]), [[0.25, 0.75]])


def test_negative_log_likelihood_is_that_of_the_averaged_probability() -> None:
    expected = (-math.log((0.8 + 0.3) / 2) - math.log((0.5 + 0.1) / 2) - math.log((0.9 + 0.9) / 2)) / 3
    assert metrics.negative_log_likelihood(DRAWS, LABELS) == pytest.approx(expected, rel=1e-7)


def test_negative_log_likelihood_of_a_label_of_probability_0_is_large_and_finite() -> None:
    # The smallest normal float64 is 2^-1022.
    assert metrics.negative_log_likelihood([[1.0, 0.0]], [1]) == pytest.approx(1022 * math.log(2))


def test_brier_score_is_the_sum_over_classes_and_the_mean_over_examples() -> None:
    # The three averages are 0.55, 0.7 and 0.1 for class 0.
    expected = ((0.45**2 + 0.45**2) + (0.7**2 + 0.7**2) + (0.1**2 + 0.1**2)) / 3
    assert metrics.brier_score(DRAWS, LABELS) == pytest.approx(expected, rel=1e-6)


def test_brier_score_goes_from_0_to_2() -> None:
    assert metrics.brier_score([[1.0, 0.0, 0.0]], [0]) == 0.0
    assert metrics.brier_score([[1.0, 0.0, 0.0]], [1]) == 2.0


def test_accuracy_takes_the_class_of_highest_mean_probability() -> None:
    # Right, wrong, right; the second draw alone would get the first example wrong.
    np.testing.assert_array_equal(metrics.example_correct(DRAWS, LABELS), [True, False, True])
    assert metrics.accuracy(DRAWS, LABELS) == pytest.approx(2 / 3)


def test_per_class_accuracy_is_nan_where_a_class_is_absent_and_the_macro_average_leaves_it_out() -> None:
    probabilities = np.eye(3)[[0, 0, 1, 0]]
    labels = [0, 0, 0, 1]
    np.testing.assert_array_equal(metrics.per_class_accuracy(probabilities, labels), [2 / 3, 0.0, np.nan])
    assert metrics.macro_accuracy(probabilities, labels) == pytest.approx((2 / 3 + 0) / 2)


def test_entropies_and_mutual_information_follow_their_formulas() -> None:
    total = [entropy(0.55, 0.45), entropy(0.7, 0.3), entropy(0.1, 0.9)]
    expected = [
        (entropy(0.8, 0.2) + entropy(0.3, 0.7)) / 2,
        (entropy(0.5, 0.5) + entropy(0.9, 0.1)) / 2,
        entropy(0.1, 0.9),
    ]
    np.testing.assert_allclose(metrics.predictive_entropy(DRAWS), total, rtol=1e-6)
    np.testing.assert_allclose(metrics.expected_entropy(DRAWS), expected, rtol=1e-6)
    np.testing.assert_allclose(metrics.mutual_information(DRAWS), np.subtract(total, expected), atol=1e-7)


def test_mutual_information_is_the_mean_divergence_of_draws_from_their_mean() -> None:
    draws = random_draws(num_samples=7, num_examples=5, num_classes=4)
    divergence = stats.entropy(draws, draws.mean(axis=0)[np.newaxis], axis=-1).mean(axis=0)
    np.testing.assert_allclose(metrics.mutual_information(draws), divergence, rtol=1e-10)


def test_mutual_information_of_equal_draws_is_0_and_never_less() -> None:
    draws = np.repeat(random_draws(1, 200, 10), 3, axis=0)
    found = metrics.mutual_information(draws)
    assert found.min() >= 0.0
    assert found.max() < 1e-14


def test_mutual_information_of_certain_draws_that_disagree_is_all_the_entropy() -> None:
    draws = np.eye(2)[:, np.newaxis]
    assert metrics.mutual_information(draws)[0] == pytest.approx(math.log(2))
    assert metrics.expected_entropy(draws)[0] == 0.0


def test_metrics_agree_with_scikit_learn() -> None:
    draws, labels = random_draws(3, 300, 5), random_labels(300, 5)
    averaged = draws.mean(axis=0)
    predicted = averaged.argmax(axis=1)
    assert metrics.accuracy(draws, labels) == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    assert metrics.macro_accuracy(draws, labels) == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(labels, predicted)
    )
    assert metrics.negative_log_likelihood(draws, labels) == pytest.approx(
        sklearn_metrics.log_loss(labels, averaged), rel=1e-12
    )
    assert metrics.brier_score(draws, labels) == pytest.approx(
        sklearn_metrics.brier_score_loss(labels, averaged, scale_by_half=False), rel=1e-12
    )


def test_summary_holds_each_metric_under_its_name() -> None:
    summary = summarize(DRAWS, LABELS)
    # Confidences 0.55, 0.7, 0.9 fall into three different bins of 15; right, wrong, right.
    assert summary.pop("ece") == pytest.approx((0.45 + 0.7 + 0.1) / 3, rel=1e-6)
    assert summary.pop("ece_equal_mass") == pytest.approx((0.45 + 0.7 + 0.1) / 3, rel=1e-6)
    # Most confident first: right, wrong, right: risks 0, 1/2, 1/3.
    assert summary.pop("aurc") == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert summary.pop("accuracy_at_80_coverage") == pytest.approx(2 / 3)
    assert summary.pop("coverage_at_5_risk") == pytest.approx(1 / 3)
    # Three images are too few for any bound: all sets hold both classes.
    for kind, level in itertools.product(("thr", "aps"), (90, 95)):
        assert (summary.pop(f"{kind}_coverage_{level}"), summary.pop(f"{kind}_size_{level}")) == (1.0, 2.0)
    assert summary == {
        "accuracy": metrics.accuracy(DRAWS, LABELS),
        "macro_accuracy": metrics.macro_accuracy(DRAWS, LABELS),
        "nll": pytest.approx(metrics.negative_log_likelihood(DRAWS, LABELS), rel=1e-12),
        "brier": pytest.approx(metrics.brier_score(DRAWS, LABELS), rel=1e-12),
        "mean_predictive_entropy": pytest.approx(metrics.predictive_entropy(DRAWS).mean()),
        "mean_expected_entropy": pytest.approx(metrics.expected_entropy(DRAWS).mean()),
        "mean_mutual_information": pytest.approx(metrics.mutual_information(DRAWS).mean()),
    }
    assert all(type(value) is float for value in summary.values())


def test_summary_of_one_draw_of_one_example() -> None:
    summary = summarize([[[0.25, 0.75]]], [1])
    assert summary["nll"] == pytest.approx(-math.log(0.75))
    assert summary["mean_mutual_information"] == 0.0
    assert summary["mean_expected_entropy"] == summary["mean_predictive_entropy"]


def test_summary_of_perfect_predictions() -> None:
    labels = np.array([0, 1, 2])
    summary = summarize(np.eye(3)[np.newaxis], labels)
    assert [summary[name] for name in ("accuracy", "macro_accuracy", "coverage_at_5_risk")] == [1.0, 1.0, 1.0]
    assert [summary[name] for name in ("nll", "brier", "ece", "aurc", "mean_predictive_entropy")] == [0.0] * 5


def test_summary_does_not_depend_on_the_order_of_draws_examples_or_classes() -> None:
    draws, labels = random_draws(4, 60, 5), random_labels(60, 5)
    rng = np.random.default_rng(2)
    samples, examples, classes = rng.permutation(4), rng.permutation(60), rng.permutation(5)
    moved = draws[samples][:, examples][:, :, classes]
    summary = summarize(draws, labels)
    assert summarize(moved, np.argsort(classes)[labels[examples]]) == pytest.approx(summary, rel=1e-12)


@pytest.mark.parametrize("metric", [metrics.expected_entropy, metrics.mutual_information])
def test_what_needs_draws_refuses_averages(metric: Callable) -> None:
    with pytest.raises(ValueError, match=r"expected a shape \[num_samples, num_examples, num_classes\]"):
        metric([[0.5, 0.5]])


@pytest.mark.parametrize(
    "metric",
    [metrics.accuracy, metrics.macro_accuracy, metrics.negative_log_likelihood, metrics.brier_score, summarize],
)
def test_labels_that_do_not_fit_are_refused(metric: Callable) -> None:
    with pytest.raises(ValueError, match=r"labels: expected shape \[3\]"):
        metric(DRAWS, [0, 1])


def test_resampled_macro_accuracy_equals_the_metric_of_each_resample() -> None:
    draws, labels = random_draws(1, 12, 4), random_labels(12, 4)
    counts = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=20)
    rows = [np.repeat(np.arange(12), row) for row in counts]
    expected = [metrics.macro_accuracy(draws[0][row], labels[row]) for row in rows]
    correct = draws[0].argmax(axis=1) == labels
    np.testing.assert_allclose(metrics.resampled_macro_accuracy(correct, labels, counts), expected, rtol=1e-12)
