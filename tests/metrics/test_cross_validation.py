import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from tfp_insects.metrics.bootstrap import Interval, Resampled, bootstrap, mean_of
from tfp_insects.metrics.cross_validation import variance_factor, widened

NUM_CLASSES, NUM_FEATURES, NUM_FOLDS = 6, 6, 5
MEANS = 0.8 * np.random.default_rng(99).normal(size=(NUM_CLASSES, NUM_FEATURES))
Classify = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def images(rng: np.random.Generator, num_per_class: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(NUM_CLASSES), num_per_class)
    return MEANS[labels] + rng.normal(size=(len(labels), NUM_FEATURES)), labels


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T


def nearest_image(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return labels[squared_distances(asked, known).argmin(1)]


def nearest_mean(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    means = np.stack([known[labels == label].mean(0) for label in range(NUM_CLASSES)])
    return squared_distances(asked, means).argmin(1)


class Outcome(NamedTuple):
    """Of a cross-validation: whether each answer was right, and how often each fold's model is right on new images."""

    correct: np.ndarray
    accuracies: list[float]


def cross_validate(
    rng: np.random.Generator, num_per_class: int, num_train: int, new: tuple[np.ndarray, np.ndarray]
) -> dict[str, Outcome]:
    """Both classifiers on one new data set, each trained on the same images of three parts of five."""
    features, labels = images(rng, num_per_class)
    parts = np.concatenate([rng.permutation(num_per_class) % NUM_FOLDS for _ in range(NUM_CLASSES)])
    found = {one.__name__: Outcome(np.zeros(len(labels), bool), []) for one in (nearest_image, nearest_mean)}
    for fold in range(NUM_FOLDS):
        pool = np.flatnonzero((parts != fold) & (parts != (fold + 1) % NUM_FOLDS))
        used = np.concatenate([rng.permutation(pool[labels[pool] == i])[:num_train] for i in range(NUM_CLASSES)])
        for classify in (nearest_image, nearest_mean):
            answers = classify(features[used], labels[used], np.concatenate([features, new[0]]))
            is_right = answers == np.concatenate([labels, new[1]])
            found[classify.__name__].correct[parts == fold] = is_right[: len(labels)][parts == fold]
            found[classify.__name__].accuracies.append(float(is_right[len(labels) :].mean()))
    return found


def holds(interval: Interval, value: float) -> bool:
    return interval.low <= value <= interval.high


@pytest.mark.parametrize(("num_per_class", "num_train"), [(20, 12), (20, 4)])
def test_intervals_hold_the_expected_figures_of_models_of_that_training_size(
    num_per_class: int, num_train: int
) -> None:
    """Over many data sets: accuracy of each classifier, and their difference; plain intervals do so less often."""
    rng, new = np.random.default_rng(num_train), images(np.random.default_rng(1), 60)
    outcomes = [cross_validate(rng, num_per_class, num_train, new) for _ in range(200)]
    expected = {name: np.mean([one[name].accuracies for one in outcomes]) for name in outcomes[0]}
    factor = variance_factor(NUM_FOLDS, NUM_CLASSES * num_per_class / NUM_FOLDS, NUM_CLASSES * num_train)
    covered: dict[str, list[tuple[bool, bool]]] = {}
    for one in outcomes:
        figures = {name: resampled(one[name].correct) for name in one}
        first, second = figures
        figures["difference"] = figures[first] - figures[second]
        values = {**expected, "difference": expected[first] - expected[second]}
        for name, figure in figures.items():
            intervals = [widened(figure, by).interval() for by in (1.0, factor)]
            covered.setdefault(name, []).append((holds(intervals[0], values[name]), holds(intervals[1], values[name])))
    for name, both in covered.items():
        plain, wide = np.mean(both, axis=0)
        assert wide >= 0.93, name
        assert wide > plain, name
    assert min(np.mean(both, axis=0)[0] for both in covered.values()) < 0.93


def resampled(correct: np.ndarray) -> Resampled:
    return bootstrap(mean_of(correct.astype(np.float64)), len(correct), seed=0, num_resamples=400)


def test_the_factor_is_that_of_nadeau_and_bengio() -> None:
    # Their variance of a mean over K folds, (1 / K + n_test / n_train) s², as a share of that of independent folds, s² / K.
    for num_folds, num_test, num_train in ((5, 24, 72), (10, 7.5, 12)):
        share = (1 / num_folds + num_test / num_train) / (1 / num_folds)
        assert variance_factor(num_folds, num_test, num_train) == pytest.approx(share)
    assert variance_factor(0, 50, 100) == 1.0


@pytest.mark.parametrize("numbers", [(-1, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_numbers_that_make_no_sense_are_refused(numbers: Sequence[int]) -> None:
    with pytest.raises(ValueError, match="num_"):
        variance_factor(*numbers)


def test_widening_multiplies_the_variance_and_leaves_mean_and_estimate() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, size=(500, 2))
    figures = Resampled(np.array([0.25, 0.35]), values)
    wide = widened(figures, 4.0)
    np.testing.assert_allclose(wide.values.var(axis=0), 4.0 * values.var(axis=0))
    np.testing.assert_allclose(wide.values.mean(axis=0), values.mean(axis=0))
    np.testing.assert_array_equal(wide.estimate, figures.estimate)
    assert widened(figures, 1.0) is figures
    difference = widened(figures.part(0) - figures.part(1), 4.0)
    np.testing.assert_allclose((wide.part(0) - wide.part(1)).values, difference.values)
    plain, twice = figures.part(0).interval(), wide.part(0).interval()
    assert twice.high - twice.low == pytest.approx(2.0 * (plain.high - plain.low))


def test_ends_stay_where_a_figure_can_be() -> None:
    assert Interval(0.9, 0.7, 1.1).within(0.0, 1.0) == Interval(0.9, 0.7, 1.0)
    assert Interval(0.1, -0.2, 0.3).within(0.0) == Interval(0.1, 0.0, 0.3)
    assert Interval(0.1, -0.2, 7.0).within(0.0, math.inf).high == 7.0
