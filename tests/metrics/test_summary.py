import math

import numpy as np
import pytest

from tfp_insects.metrics import bootstrap as statistics
from tfp_insects.metrics import calibration, conformal, out_of_distribution, selective
from tfp_insects.metrics import scores as metrics
from tfp_insects.metrics.summary import (
    metric_intervals,
    metric_statistics,
    out_of_distribution_intervals,
    out_of_distribution_statistics,
    scores_of_unknown,
    summarize,
)


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


def sets_with_the_others_as_calibration(averaged: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns coverage and size, one image after the other."""
    found = {}
    for kind, scores in (("thr", conformal.thr_scores(averaged)), ("aps", conformal.aps_scores(averaged))):
        for level in (90, 95):
            sets = np.zeros_like(scores, dtype=bool)
            for i in range(len(labels)):
                others = np.arange(len(labels)) != i
                threshold = conformal.conformal_threshold(scores[others], labels[others], level / 100)
                sets[i] = scores[i] <= threshold
            found[f"{kind}_coverage_{level}"] = conformal.set_coverage(sets, labels)
            found[f"{kind}_size_{level}"] = conformal.mean_set_size(sets)
    return found


LABELS = mostly_right_labels(random_draws(60, seed=0), seed=9)


def test_the_summary_holds_each_metric_as_it_is_written_out() -> None:
    draws = random_draws(60, seed=0)
    averaged = draws.mean(axis=0)
    confidence, correct = averaged.max(axis=1), averaged.argmax(axis=1) == LABELS
    assert summarize(draws, LABELS) == pytest.approx(
        {
            "accuracy": metrics.accuracy(draws, LABELS),
            "macro_accuracy": metrics.macro_accuracy(draws, LABELS),
            "nll": metrics.negative_log_likelihood(draws, LABELS),
            "brier": metrics.brier_score(draws, LABELS),
            "ece": calibration.expected_calibration_error(averaged, LABELS),
            "ece_equal_mass": calibration.expected_calibration_error(averaged, LABELS, binning="equal_mass"),
            "aurc": selective.area_under_risk_coverage_curve(confidence, correct),
            "accuracy_at_80_coverage": selective.accuracy_at_coverage(confidence, correct, coverage=0.8),
            "coverage_at_5_risk": selective.coverage_at_risk(confidence, correct, risk=0.05),
            "mean_predictive_entropy": metrics.predictive_entropy(draws).mean(),
            "mean_expected_entropy": metrics.expected_entropy(draws).mean(),
            "mean_mutual_information": metrics.mutual_information(draws).mean(),
            **sets_with_the_others_as_calibration(averaged, LABELS),
        },
        rel=1e-12,
    )


def test_risk_and_coverage_are_those_of_the_names() -> None:
    # 18 examples, the least confident wrong: risk 0 up to 17, then 1/18, above 5 %. 0.8 x 18 is 14.4, so 15 are taken.
    confidence = np.linspace(0.95, 0.6, 18)
    draws, labels = np.stack([confidence, 1 - confidence], axis=1)[np.newaxis], np.repeat([0, 1], [17, 1])
    found = metric_statistics(draws, labels)
    ones = np.ones((1, 18), dtype=np.int64)
    assert found["coverage_at_5_risk"](ones)[0] == summarize(draws, labels)["coverage_at_5_risk"] == 17 / 18
    wrong_at_15 = np.where(np.arange(18) == 14, 1, 0)
    found = metric_statistics(draws, wrong_at_15)
    expected = pytest.approx(14 / 15)
    assert found["accuracy_at_80_coverage"](ones)[0] == expected
    assert summarize(draws, wrong_at_15)["accuracy_at_80_coverage"] == expected


def test_statistics_of_resamples_equal_the_summary_of_each_resample() -> None:
    draws = random_draws(60, seed=0)
    counts = np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=10)
    summaries = [summarize(draws[:, rows], LABELS[rows]) for rows in (np.repeat(np.arange(60), c) for c in counts)]
    for name, statistic in metric_statistics(draws, LABELS).items():
        np.testing.assert_allclose(statistic(counts), [one[name] for one in summaries], rtol=1e-9, err_msg=name)


def test_out_of_distribution_statistics_equal_their_metrics() -> None:
    known, ood = random_draws(30, seed=0), random_draws(20, seed=1)
    ones = np.ones((1, 50), dtype=np.int64)
    found = out_of_distribution_statistics(known, ood)
    inside, outside = scores_of_unknown(known), scores_of_unknown(ood)
    assert len(found) == 2 * len(inside) == 6
    for name in inside:
        auroc = out_of_distribution.auroc(inside[name], outside[name])
        assert found[f"auroc_{name}"](ones)[0] == pytest.approx(auroc)
        fpr = out_of_distribution.fpr_at_tpr(inside[name], outside[name])
        assert found[f"fpr95_{name}"](ones)[0] == pytest.approx(fpr)
    one = statistics.bootstrap_interval(found["auroc_predictive_entropy"], (30, 20), seed=0, num_resamples=100)
    assert one.low < one.estimate < one.high
    assert out_of_distribution_intervals(known, ood, seed=0, num_resamples=100)["auroc_predictive_entropy"] == one


def test_scores_of_unknown_images_follow_their_formulas() -> None:
    # Two draws that disagree, for one example.
    found = scores_of_unknown([[[0.9, 0.1]], [[0.3, 0.7]]])
    total = -0.6 * math.log(0.6) - 0.4 * math.log(0.4)
    draws = [-0.9 * math.log(0.9) - 0.1 * math.log(0.1), -0.3 * math.log(0.3) - 0.7 * math.log(0.7)]
    assert found["predictive_entropy"] == pytest.approx([total])
    assert found["mutual_information"] == pytest.approx([total - sum(draws) / 2])
    assert found["one_minus_max_probability"] == pytest.approx([0.4])


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a shape .*\[num_samples, num_examples, num_classes\]"):
        scores_of_unknown([0.5, 0.5])
    with pytest.raises(ValueError, match=r"probabilities: expected to sum to 1"):
        summarize([[[0.5, 0.4]]], [0])


def test_intervals_hold_the_summary_between_ends_that_are_not_negative() -> None:
    draws = random_draws(60, seed=0)
    summary = summarize(draws, LABELS)
    for name, interval in metric_intervals(draws, LABELS, seed=0, num_resamples=200).items():
        assert interval.estimate == pytest.approx(summary[name])
        assert 0.0 <= interval.low <= interval.high


def test_a_metric_that_cannot_be_negative_has_no_interval_below_0() -> None:
    probabilities, labels = calibrated_predictions(100, np.random.default_rng(0))
    statistic = metric_statistics(probabilities, labels)["ece"]
    assert statistics.bootstrap_interval(statistic, 100, seed=0, method="basic").low < 0
    assert metric_intervals(probabilities, labels, seed=0)["ece"].low == 0.0


def test_calibration_error_gets_the_interval_that_takes_out_its_bias() -> None:
    """On calibrated predictions, where the error is pure noise, the percentile interval hardly ever comes near 0."""
    rng = np.random.default_rng(0)
    percentile, basic = [], []
    for trial in range(30):
        probabilities, labels = calibrated_predictions(300, rng)
        statistic = metric_statistics(probabilities, labels)["ece"]
        percentile.append(statistics.bootstrap_interval(statistic, 300, seed=trial, num_resamples=200).low)
        basic.append(metric_intervals(probabilities, labels, seed=trial, num_resamples=200)["ece"].low)
    assert np.mean(np.array(percentile) < 0.01) < 0.1
    assert np.mean(np.array(basic) < 0.01) > 0.5
