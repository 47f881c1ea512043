"""Selective prediction: answer where the model is sure, leave the rest to a person.

`confidence` is any score, float [num_examples], higher where the model is surer: the highest mean probability, or minus
an entropy. `correct` is bool [num_examples]. Coverage is the share of examples answered, risk the share of wrong
answers among them. Equal confidences are taken in random order and what is returned is the expected value over that
order, so the order of examples never matters.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_correct, checked_counts, checked_scores


class _Groups(NamedTuple):
    """Examples of equal confidence, most confident first; each field is [num_groups, num_resamples]."""

    sizes: IntArray  # examples in the group
    errors: IntArray  # wrong ones among them
    examples_up_to: IntArray  # in this group and all more confident ones
    errors_up_to: IntArray


def risk_coverage_curve(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Returns coverage k / num_examples and the risk among the k most confident examples, for k = 1 ... num_examples.

    Returns:
        coverage and risk, float64 [num_examples] each.

    Raises:
        ValueError: a wrong shape or dtype, no example, or a confidence that is not finite.
    """
    groups = _groups_of_all(confidence, correct)
    taken = np.arange(1, groups.sizes.sum() + 1)
    last = np.repeat(np.arange(len(groups.sizes)), groups.sizes[:, 0])
    errors = _expected_errors(groups, last[:, np.newaxis], taken[:, np.newaxis])[:, 0]
    return taken / taken.size, errors / taken


def area_under_risk_coverage_curve(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Returns AURC, the mean of the risk over the coverages k / num_examples (curve: Geifman & El-Yaniv 2017).

    0 where all is right; a confidence that says nothing gives the error rate.

    Raises:
        ValueError: see `risk_coverage_curve`.
    """
    return float(_aurc(_groups_of_all(confidence, correct))[0])


def accuracy_at_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike, coverage: float = 0.8) -> float:
    """Returns the accuracy among the most confident examples, the fewest that are at least `coverage` of all.

    Raises:
        ValueError: see `risk_coverage_curve`; or a coverage outside (0, 1].
    """
    return float(_accuracy_at_coverage(_groups_of_all(confidence, correct), coverage)[0])


def coverage_at_risk(confidence: npt.ArrayLike, correct: npt.ArrayLike, risk: float = 0.05) -> float:
    """Returns the largest coverage at which the risk is at most `risk`, 0 where there is none.

    Only coverages that a threshold on the confidence can reach count: examples of equal confidence go together.

    Raises:
        ValueError: see `risk_coverage_curve`; or a risk outside [0, 1].
    """
    return float(_coverage_at_risk(_groups_of_all(confidence, correct), risk)[0])


def resampled_aurc(confidence: npt.ArrayLike, correct: npt.ArrayLike, counts: IntArray) -> FloatArray:
    """Returns `area_under_risk_coverage_curve` of many resamples at once.

    Args:
        confidence: float [num_examples].
        correct: bool [num_examples].
        counts: int [num_resamples, num_examples], how often each example occurs in each resample.

    Returns:
        float64 [num_resamples].

    Raises:
        ValueError: a wrong shape or dtype, or a confidence that is not finite.
    """
    return _aurc(_groups(confidence, correct, counts))


def resampled_accuracy_at_coverage(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, counts: IntArray, coverage: float = 0.8
) -> FloatArray:
    """Returns `accuracy_at_coverage` of many resamples at once, float64 [num_resamples]; see `resampled_aurc`."""
    return _accuracy_at_coverage(_groups(confidence, correct, counts), coverage)


def resampled_coverage_at_risk(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, counts: IntArray, risk: float = 0.05
) -> FloatArray:
    """Returns `coverage_at_risk` of many resamples at once, float64 [num_resamples]; see `resampled_aurc`."""
    return _coverage_at_risk(_groups(confidence, correct, counts), risk)


def _groups_of_all(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> _Groups:
    """Returns the groups of the examples as they are, each once."""
    return _groups(confidence, correct, np.ones((1, np.size(confidence)), dtype=np.int64))


def _groups(confidence: npt.ArrayLike, correct: npt.ArrayLike, counts: IntArray) -> _Groups:
    """Returns the examples of each resample grouped by confidence."""
    score = checked_scores(confidence, "confidence")
    wrong = ~checked_correct(correct, score.size)
    weights = checked_counts(counts, score.size).T
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=np.inf))
    sizes, errors = weights[order], weights[order] * wrong[order, np.newaxis]
    if starts.size < score.size:
        sizes, errors = np.add.reduceat(sizes, starts), np.add.reduceat(errors, starts)
    return _Groups(sizes, errors, np.cumsum(sizes, axis=0), np.cumsum(errors, axis=0))


def _expected_errors(groups: _Groups, last: IntArray, taken: IntArray) -> FloatArray:
    """Returns the expected number of errors among the `taken` most confident, the last of them from group `last`.

    All arrays are [num_taken, num_resamples].
    """
    sizes, errors, examples_up_to, errors_up_to = (np.take_along_axis(field, last, axis=0) for field in groups)
    return errors_up_to - errors + errors * (taken - (examples_up_to - sizes)) / sizes


def _aurc(groups: _Groups) -> FloatArray:
    """Returns the mean of the risk over k = 1 ... n, float64 [num_resamples].

    A group of m examples, e of them wrong, after n0 examples with e0 errors, adds the sum over k = 1 ... m of
    (e0 + k e / m) / (n0 + k) = e + (e0 - n0 e / m) (H(n0 + m) - H(n0)), with harmonic numbers H.
    """
    before = groups.examples_up_to - groups.sizes
    errors_before = groups.errors_up_to - groups.errors
    rate = np.divide(groups.errors, groups.sizes, out=np.zeros(groups.sizes.shape), where=groups.sizes > 0)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, groups.examples_up_to.max() + 1))])
    steps = np.diff(harmonic[groups.examples_up_to], axis=0, prepend=0.0)
    return (groups.errors + (errors_before - before * rate) * steps).sum(axis=0) / groups.examples_up_to[-1]


def _accuracy_at_coverage(groups: _Groups, coverage: float) -> FloatArray:
    """Returns the expected accuracy among the most confident, float64 [num_resamples]."""
    if not 0.0 < coverage <= 1.0:
        raise ValueError(f"coverage: expected above 0 and at most 1, got {coverage}")
    total = groups.examples_up_to[-1:]
    # 0.55 x 100 is 55.00000000000001 in binary: without the margin that would take 56.
    taken = np.clip(np.ceil(coverage * total - 1e-6).astype(np.int64), 1, total)
    last = (groups.examples_up_to < taken).sum(axis=0, keepdims=True)
    return ((taken - _expected_errors(groups, last, taken)) / taken)[0]


def _coverage_at_risk(groups: _Groups, risk: float) -> FloatArray:
    """Returns the largest coverage within the risk, float64 [num_resamples]."""
    return (groups.examples_up_to * _within_risk(groups, risk)).max(axis=0) / groups.examples_up_to[-1]


def _within_risk(groups: _Groups, risk: float) -> npt.NDArray[np.bool_]:
    """Returns whether the risk is at most `risk` where a group ends, bool [num_groups, num_resamples]."""
    if not 0.0 <= risk <= 1.0:
        raise ValueError(f"risk: expected 0 to 1, got {risk}")
    found = np.divide(
        groups.errors_up_to, groups.examples_up_to, out=np.zeros(groups.sizes.shape), where=groups.examples_up_to > 0
    )
    return found <= risk
