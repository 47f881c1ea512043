import numpy as np
import pytest

from tfp_insects.metrics import bootstrap as statistics
from tfp_insects.metrics import intervals as metric_intervals
from tfp_insects.metrics import out_of_distribution
from tfp_insects.metrics import scores as metrics


def random_draws(num_examples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(4, 0.5), size=(3, num_examples))


def calibrated_predictions(num_examples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities and labels drawn from them, so that the calibration error is 0 in truth."""
    probabilities = rng.dirichlet(np.full(5, 0.5), size=num_examples)
    labels = (rng.random((num_examples, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, labels.clip(max=4)


def mostly_right_labels(draws: np.ndarray, seed: int) -> np.ndarray:
    """Returns the predicted class of each example, but a random one for a fifth of them."""
    rng = np.random.default_rng(seed)
    predicted = draws.mean(axis=0).argmax(axis=-1)
    return np.where(rng.random(len(predicted)) < 0.2, rng.integers(4, size=len(predicted)), predicted)


LABELS = mostly_right_labels(random_draws(60, seed=0), seed=9)


def test_statistics_of_the_images_as_they_are_equal_the_summary() -> None:
    draws = random_draws(60, seed=0)
    ones = np.ones((1, 60), dtype=np.int64)
    summary = metrics.summarize(draws, LABELS)
    found = {name: float(one(ones)[0]) for name, one in metric_intervals.metric_statistics(draws, LABELS).items()}
    assert found == pytest.approx({name: summary[name] for name in found}, rel=1e-12)
    assert set(summary) - set(found) == {
        "mean_predictive_entropy", "mean_expected_entropy", "mean_mutual_information"
    }  # fmt: skip


def test_risk_and_coverage_are_those_of_the_names() -> None:
    # 18 examples, the least confident wrong: risk 0 up to 17, then 1/18, above 5 %. 0.8 x 18 is 14.4, so 15 are taken.
    confidence = np.linspace(0.95, 0.6, 18)
    draws, labels = np.stack([confidence, 1 - confidence], axis=1)[np.newaxis], np.repeat([0, 1], [17, 1])
    found = metric_intervals.metric_statistics(draws, labels)
    ones = np.ones((1, 18), dtype=np.int64)
    assert found["coverage_at_5_risk"](ones)[0] == metrics.summarize(draws, labels)["coverage_at_5_risk"] == 17 / 18
    wrong_at_15 = np.where(np.arange(18) == 14, 1, 0)
    found = metric_intervals.metric_statistics(draws, wrong_at_15)
    expected = pytest.approx(14 / 15)
    assert found["accuracy_at_80_coverage"](ones)[0] == expected
    assert metrics.summarize(draws, wrong_at_15)["accuracy_at_80_coverage"] == expected


def test_statistics_of_resamples_equal_the_summary_of_each_resample() -> None:
    draws = random_draws(60, seed=0)
    counts = np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=10)
    summaries = [
        metrics.summarize(draws[:, rows], LABELS[rows]) for rows in (np.repeat(np.arange(60), c) for c in counts)
    ]
    for name, statistic in metric_intervals.metric_statistics(draws, LABELS).items():
        np.testing.assert_allclose(statistic(counts), [one[name] for one in summaries], rtol=1e-9, err_msg=name)


def test_out_of_distribution_statistics_equal_their_metrics() -> None:
    known, ood = random_draws(30, seed=0), random_draws(20, seed=1)
    ones = np.ones((1, 50), dtype=np.int64)
    found = metric_intervals.out_of_distribution_statistics(known, ood)
    inside, outside = out_of_distribution.scores(known), out_of_distribution.scores(ood)
    assert len(found) == 2 * len(inside) == 6
    for name in inside:
        auroc = out_of_distribution.auroc(inside[name], outside[name])
        assert found[f"auroc_{name}"](ones)[0] == pytest.approx(auroc)
        fpr = out_of_distribution.fpr_at_tpr(inside[name], outside[name])
        assert found[f"fpr95_{name}"](ones)[0] == pytest.approx(fpr)
    interval = statistics.bootstrap_interval(found["auroc_predictive_entropy"], (30, 20), seed=0, num_resamples=100)
    assert interval.low < interval.estimate < interval.high


def test_intervals_hold_the_summary_between_ends_that_are_not_negative() -> None:
    draws = random_draws(60, seed=0)
    summary = metrics.summarize(draws, LABELS)
    for name, interval in metric_intervals.metric_intervals(draws, LABELS, seed=0, num_resamples=200).items():
        assert interval.estimate == pytest.approx(summary[name])
        assert 0.0 <= interval.low <= interval.high


def test_a_metric_that_cannot_be_negative_has_no_interval_below_0() -> None:
    probabilities, labels = calibrated_predictions(100, np.random.default_rng(0))
    statistic = metric_intervals.metric_statistics(probabilities, labels)["ece"]
    assert statistics.bootstrap_interval(statistic, 100, seed=0, method="basic").low < 0
    assert metric_intervals.metric_intervals(probabilities, labels, seed=0)["ece"].low == 0.0


def test_calibration_error_gets_the_interval_that_takes_out_its_bias() -> None:
    """On calibrated predictions, where the error is pure noise, the percentile interval hardly ever comes near 0."""
    rng = np.random.default_rng(0)
    percentile, basic = [], []
    for trial in range(30):
        probabilities, labels = calibrated_predictions(300, rng)
        statistic = metric_intervals.metric_statistics(probabilities, labels)["ece"]
        percentile.append(statistics.bootstrap_interval(statistic, 300, seed=trial, num_resamples=200).low)
        basic.append(metric_intervals.metric_intervals(probabilities, labels, seed=trial, num_resamples=200)["ece"].low)
    assert np.mean(np.array(percentile) < 0.01) < 0.1
    assert np.mean(np.array(basic) < 0.01) > 0.5
