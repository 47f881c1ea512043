import math
from collections.abc import Callable

import numpy as np
import pytest

from tfp_insects.metrics import cross_conformal
from tfp_insects.metrics.conformal import (
    aps_scores,
    aps_threshold,
    conformal_rank,
    conformal_threshold,
    mean_set_size,
    prediction_sets,
    set_coverage,
    thr_scores,
    thr_threshold,
)
from tfp_insects.metrics.cross_conformal import resampled_set_coverage, resampled_set_size

Sets = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def predictions(num_examples: int, seed: int, num_classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that is too sure, and labels."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(num_classes, 0.5), size=num_examples)
    labels = (rng.random((num_examples, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(max=num_classes - 1)
    sharper = truth**2 + 1e-3
    return sharper / sharper.sum(axis=1, keepdims=True), labels


def test_scores_are_those_of_the_papers_class_by_class() -> None:
    probabilities, _ = predictions(20, seed=0)
    uniforms = np.random.default_rng(1).uniform(size=20)
    thr, aps, randomised = thr_scores(probabilities), aps_scores(probabilities), aps_scores(probabilities, uniforms)
    for i, row in enumerate(probabilities):
        for k, own in enumerate(row):
            above = sum(p for p in row if p > own)
            assert thr[i, k] == pytest.approx(1 - own)
            assert aps[i, k] == pytest.approx(above)
            assert randomised[i, k] == pytest.approx(above + (1 - uniforms[i]) * own)


def test_randomised_sets_are_those_of_the_generalised_inverse_quantile() -> None:
    """Romano et al. 2020: the fewest classes of that mass, without the last if u is at most its surplus's share."""
    probabilities, _ = predictions(50, seed=2)
    uniforms = np.random.default_rng(3).uniform(size=50)
    sets = prediction_sets(aps_scores(probabilities, uniforms), 0.8)
    for row, u, found in zip(probabilities, uniforms, sets, strict=True):
        order = np.argsort(-row)
        mass = row[order].cumsum()
        last = int(np.argmax(mass >= 0.8))
        surplus = (mass[last] - 0.8) / row[order[last]]
        expected = order[:last] if u <= surplus else order[: last + 1]
        assert set(np.flatnonzero(found)) == set(expected)


def test_the_threshold_is_the_least_that_enough_calibration_images_keep() -> None:
    probabilities, labels = predictions(40, seed=4)
    for scores in (thr_scores(probabilities), aps_scores(probabilities)):
        for coverage in (0.5, 0.9, 0.95):
            true = [row[label] for row, label in zip(scores, labels, strict=True)]
            enough = [t for t in true if sum(s <= t for s in true) >= coverage * 41]
            assert conformal_threshold(scores, labels, coverage) == min(enough)
    assert thr_threshold(probabilities, labels, 0.9) == conformal_threshold(thr_scores(probabilities), labels, 0.9)
    assert aps_threshold(probabilities, labels, 0.9) == conformal_threshold(aps_scores(probabilities), labels, 0.9)


def thr_sets(calibration: np.ndarray, labels: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return prediction_sets(thr_scores(new), thr_threshold(calibration, labels, 0.9))


def aps_sets(calibration: np.ndarray, labels: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    del rng
    return prediction_sets(aps_scores(new), aps_threshold(calibration, labels, 0.9))


def random_aps_sets(
    calibration: np.ndarray, labels: np.ndarray, new: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    threshold = aps_threshold(calibration, labels, 0.9, rng.uniform(size=len(labels)))
    return prediction_sets(aps_scores(new, rng.uniform(size=len(new))), threshold)


@pytest.mark.parametrize("make_sets", [thr_sets, aps_sets, random_aps_sets])
def test_sets_of_new_images_cover_as_often_as_stated(make_sets: Sets) -> None:
    probabilities, labels = predictions(1000, seed=5)
    assert probabilities.max(axis=1).mean() > (probabilities.argmax(axis=1) == labels).mean() + 0.05  # It is too sure.
    rng, found = np.random.default_rng(6), []
    for _ in range(100):
        rows = rng.permutation(1000)
        first, second = rows[:500], rows[500:]
        sets = make_sets(probabilities[first], labels[first], probabilities[second], rng)
        found.append(set_coverage(sets, labels[second]))
    assert np.mean(found) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("num", [18, 19, 20, 57])
def test_each_of_some_exchangeable_images_is_covered_by_the_others_as_often_as_stated(num: int) -> None:
    """Also where many scores are equal."""
    probabilities, labels = predictions(num, seed=7)
    for scores in (thr_scores(probabilities), np.round(thr_scores(probabilities), 1)):
        covered = []
        for i in range(num):
            threshold = conformal_threshold(np.delete(scores, i, axis=0), np.delete(labels, i), 0.95)
            covered.append(scores[i, labels[i]] <= threshold)
        assert np.mean(covered) >= 0.95
        if len(np.unique(scores[np.arange(num), labels])) == num:
            assert sum(covered) == math.ceil(0.95 * num)  # And no more than has to be.


def test_too_few_images_make_sets_of_all_classes() -> None:
    probabilities, labels = predictions(18, seed=8)
    assert conformal_rank(18, 0.95) == 19
    assert thr_threshold(probabilities, labels, 0.95) == math.inf
    sets = prediction_sets(aps_scores(probabilities), math.inf)
    assert (mean_set_size(sets), set_coverage(sets, labels)) == (5.0, 1.0)
    more, more_labels = predictions(19, seed=8)
    assert thr_threshold(more, more_labels, 0.95) == thr_scores(more)[np.arange(19), more_labels].max()


def test_one_class_is_in_every_set() -> None:
    probabilities, labels = np.ones((30, 1)), np.zeros(30, np.int64)
    for scores in (thr_scores(probabilities), aps_scores(probabilities)):
        sets = prediction_sets(scores, conformal_threshold(scores, labels, 0.9))
        assert (mean_set_size(sets), set_coverage(sets, labels)) == (1.0, 1.0)


def test_equal_probabilities_give_sets_of_all_classes_or_of_the_first() -> None:
    probabilities, labels = np.full((40, 4), 0.25), np.arange(40) % 4
    assert prediction_sets(thr_scores(probabilities), thr_threshold(probabilities, labels, 0.9)).all()
    np.testing.assert_allclose(aps_scores(probabilities)[0], [0.0, 0.25, 0.5, 0.75])


def test_sets_that_are_not_randomised_are_the_fewest_classes_of_a_mass() -> None:
    probabilities, _ = predictions(50, seed=9)
    for row, found in zip(probabilities, prediction_sets(aps_scores(probabilities), 0.7), strict=True):
        order = np.argsort(-row)
        assert set(np.flatnonzero(found)) == set(order[: 1 + int(np.argmax(row[order].cumsum() >= 0.7))])


def test_a_sure_and_right_model_has_sets_of_one_class() -> None:
    probabilities, labels = np.eye(4)[np.arange(40) % 4], np.arange(40) % 4
    for scores in (thr_scores(probabilities), aps_scores(probabilities)):
        sets = prediction_sets(scores, conformal_threshold(scores, labels, 0.9))
        np.testing.assert_array_equal(sets, np.eye(4, dtype=bool)[labels])


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
def test_resampled_sets_are_those_of_each_image_calibrated_by_the_others(coverage: float) -> None:
    probabilities, labels = predictions(25, seed=10)
    counts = np.random.default_rng(11).multinomial(25, np.full(25, 1 / 25), size=15)
    counts[0], counts[1] = 1, 0
    counts[1, 3] = 1  # One image alone, which nothing calibrates.
    for scores in (aps_scores(probabilities), np.round(thr_scores(probabilities), 1)):
        covered, sizes = [], []
        for row in counts:
            rows = np.repeat(np.arange(25), row)
            sets = np.zeros((len(rows), 5), dtype=bool)
            for place, i in enumerate(rows):
                true = np.sort(np.delete(scores[rows, labels[rows]], place))
                rank = math.ceil(coverage * len(rows) - 1e-9)
                sets[place] = scores[i] <= (true[rank - 1] if rank <= len(true) else math.inf)
            covered.append(set_coverage(sets, labels[rows]))
            sizes.append(mean_set_size(sets))
        np.testing.assert_allclose(resampled_set_coverage(scores, labels, counts, coverage), covered, rtol=1e-12)
        np.testing.assert_allclose(resampled_set_size(scores, labels, counts, coverage), sizes, rtol=1e-12)


def test_sizes_are_the_same_however_many_images_are_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, labels = predictions(50, seed=14)
    counts = np.random.default_rng(15).multinomial(50, np.full(50, 1 / 50), size=20)
    expected = resampled_set_size(thr_scores(probabilities), labels, counts, 0.9)
    monkeypatch.setattr(cross_conformal, "MAX_COUNTS", 100)
    np.testing.assert_allclose(resampled_set_size(thr_scores(probabilities), labels, counts, 0.9), expected, rtol=1e-12)


def test_a_better_model_has_smaller_sets_and_no_other_coverage() -> None:
    probabilities, labels = predictions(400, seed=12)
    ones = np.ones((1, 400), np.int64)
    worse = 0.5 * probabilities + 0.5 * np.random.default_rng(13).dirichlet(np.ones(5), size=400)
    sizes = [resampled_set_size(thr_scores(one), labels, ones, 0.9)[0] for one in (probabilities, worse)]
    assert sizes[0] < 0.9 * sizes[1]
    for one in (probabilities, worse):
        assert resampled_set_coverage(thr_scores(one), labels, ones, 0.9)[0] == 0.9


def test_what_makes_no_sense_is_refused() -> None:
    probabilities, labels = predictions(5, seed=14)
    for coverage in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="coverage: expected above 0 and below 1"):
            thr_threshold(probabilities, labels, coverage)
    for uniforms in (np.full(5, 1.5), np.full(5, -0.5), np.full(4, 0.5)):
        with pytest.raises(ValueError, match=r"uniforms: expected 5 numbers in \[0, 1\]"):
            aps_scores(probabilities, uniforms)
    assert np.isfinite(aps_scores(probabilities, np.array([0.0, 1.0, 0.5, 0.0, 1.0]))).all()
    with pytest.raises(ValueError, match="scores: expected shape"):
        conformal_threshold(np.zeros((0, 5)), np.zeros(0, np.int64), 0.9)
    with pytest.raises(ValueError, match=r"labels: expected shape \[5\]"):
        thr_threshold(probabilities, labels[:4], 0.9)
