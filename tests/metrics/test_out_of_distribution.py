from collections.abc import Callable

import numpy as np
import pytest

from tfp_insects.metrics import out_of_distribution


def test_auroc_is_the_share_of_pairs_in_order_with_half_for_ties() -> None:
    rng = np.random.default_rng(0)
    known, ood = rng.integers(0, 8, size=30) / 8, rng.integers(2, 10, size=20) / 8
    pairs = [1.0 if out > inside else 0.5 if out == inside else 0.0 for inside in known for out in ood]
    assert out_of_distribution.auroc(known, ood) == pytest.approx(np.mean(pairs), rel=1e-12)


def test_auroc_at_its_extremes_and_at_chance() -> None:
    assert out_of_distribution.auroc([0.1, 0.2], [0.3]) == 1.0
    assert out_of_distribution.auroc([0.3], [0.1, 0.2]) == 0.0
    assert out_of_distribution.auroc([0.5, 0.5], [0.5]) == 0.5


def test_fpr_at_tpr_counts_known_images_at_the_threshold_that_finds_enough() -> None:
    # To find 3 of 4 out-of-distribution images the threshold is 0.4; known images at or above it: 0.4 and 0.6.
    known, ood = [0.1, 0.2, 0.4, 0.6, 0.3], [0.3, 0.4, 0.8, 0.9]
    assert out_of_distribution.fpr_at_tpr(known, ood, tpr=0.75) == pytest.approx(2 / 5)
    # All 4 are found at 0.3, and so are three known images.
    assert out_of_distribution.fpr_at_tpr(known, ood) == pytest.approx(3 / 5)


def test_fpr_at_tpr_agrees_with_loops() -> None:
    rng = np.random.default_rng(1)
    known, ood = rng.normal(size=200).round(1), rng.normal(1.0, size=150).round(1)
    thresholds = [t for t in sorted(set(known) | set(ood)) if np.mean(ood >= t) >= 0.95]
    assert out_of_distribution.fpr_at_tpr(known, ood) == pytest.approx(np.mean(known >= max(thresholds)))


def test_fpr_at_tpr_extremes() -> None:
    assert out_of_distribution.fpr_at_tpr([0.1, 0.2], [0.3]) == 0.0
    assert out_of_distribution.fpr_at_tpr([0.3], [0.1, 0.2]) == 1.0
    # All images of no known class have a score of 0.2 or more, and so have two of the three test images.
    assert out_of_distribution.fpr_at_tpr([0.1, 0.2, 0.5], [0.2, 0.3, 0.4], tpr=1.0) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("resampled", "metric"),
    [
        (out_of_distribution.resampled_auroc, out_of_distribution.auroc),
        (out_of_distribution.resampled_fpr_at_tpr, out_of_distribution.fpr_at_tpr),
    ],
)
def test_resampled_metrics_equal_the_metric_of_each_resample(resampled: Callable, metric: Callable) -> None:
    rng = np.random.default_rng(2)
    known, ood = rng.normal(size=30).round(1), rng.normal(1.0, size=20).round(1)
    in_counts = rng.multinomial(30, np.full(30, 1 / 30), size=25)
    out_counts = rng.multinomial(20, np.full(20, 1 / 20), size=25)
    found = resampled(known, ood, np.concatenate([in_counts, out_counts], axis=1))
    expected = [metric(np.repeat(known, a), np.repeat(ood, b)) for a, b in zip(in_counts, out_counts, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="in_scores: expected shape"):
        out_of_distribution.auroc([], [0.5])
    with pytest.raises(ValueError, match="out_scores: expected finite"):
        out_of_distribution.fpr_at_tpr([0.5], [np.nan])
    with pytest.raises(ValueError, match="tpr: expected above 0 and at most 1, got 0"):
        out_of_distribution.fpr_at_tpr([0.5], [0.5], tpr=0.0)
    with pytest.raises(ValueError, match="tpr: expected above 0 and at most 1, got 95"):
        out_of_distribution.fpr_at_tpr([0.5], [0.5], tpr=95)
    with pytest.raises(ValueError, match="counts: expected a known and an out-of-distribution image in each resample"):
        out_of_distribution.resampled_auroc([0.1], [0.5], np.array([[2, 0]]))
