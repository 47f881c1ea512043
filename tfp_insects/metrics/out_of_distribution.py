"""Can the model tell images of no class it knows from those it knows? Out-of-distribution is the positive class.

Scores are float [num_in] for images of known classes and [num_out] for others, higher where an image looks less
like them.
"""

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_counts, checked_scores


def auroc(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike) -> float:
    """Returns the area under the ROC curve: P(out score > in score) + P(equal) / 2, so 0.5 is chance.

    Raises:
        ValueError: scores that are not one-dimensional, empty or not finite.
    """
    from sklearn import metrics  # Here, since it takes a second, and help texts read this file.

    return float(metrics.roc_auc_score(*_truth_and_scores(in_scores, out_scores)))


def fpr_at_tpr(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, tpr: float = 0.95) -> float:
    """Returns FPR95: the share of known images above the highest threshold that finds `tpr` of the other images.

    A threshold calls out-of-distribution what scores as high or higher (Hendrycks & Gimpel 2017; Liang et al. 2018).

    Raises:
        ValueError: scores that are not one-dimensional, empty or not finite; or a `tpr` outside (0, 1].
    """
    from sklearn import metrics

    _check_tpr(tpr)
    # Dropping intermediate thresholds would drop the one asked for.
    truth, joined = _truth_and_scores(in_scores, out_scores)
    false_rate, true_rate, _ = metrics.roc_curve(truth, joined, drop_intermediate=False)
    return float(false_rate[np.argmax(true_rate >= tpr)])


def resampled_auroc(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, counts: IntArray) -> FloatArray:
    """Returns `auroc` of many resamples at once.

    Args:
        in_scores: float [num_in].
        out_scores: float [num_out].
        counts: int [num_resamples, num_in + num_out], how often each image occurs in each resample, known images first.

    Returns:
        float64 [num_resamples].

    Raises:
        ValueError: a wrong shape, or a resample without known or without out-of-distribution images.
    """
    num_in, num_out = _grouped_counts(in_scores, out_scores, counts)
    higher_out = np.cumsum(num_out, axis=0) - num_out
    pairs = (num_in * (higher_out + 0.5 * num_out)).sum(axis=0)
    return pairs / (num_in.sum(axis=0) * num_out.sum(axis=0))


def resampled_fpr_at_tpr(
    in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, counts: IntArray, tpr: float = 0.95
) -> FloatArray:
    """Returns `fpr_at_tpr` of many resamples at once, float64 [num_resamples]; see `resampled_auroc`."""
    _check_tpr(tpr)
    num_in, num_out = _grouped_counts(in_scores, out_scores, counts)
    found = np.cumsum(num_out, axis=0) / num_out.sum(axis=0)
    first = (found >= tpr).argmax(axis=0)[np.newaxis]
    return np.take_along_axis(np.cumsum(num_in, axis=0), first, axis=0)[0] / num_in.sum(axis=0)


def _truth_and_scores(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Returns 0 for known and 1 for out-of-distribution images, and all scores, known first, [num_in + num_out] each."""
    known, ood = checked_scores(in_scores, "in_scores"), checked_scores(out_scores, "out_scores")
    return np.repeat([0, 1], [known.size, ood.size]), np.concatenate([known, ood])


def _grouped_counts(
    in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, counts: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Returns how many known and how many out-of-distribution images lie between the scores of the latter.

    Between two scores of out-of-distribution images the order of known images changes nothing. So there are two groups
    for each such score, highest first: images of a higher score, down to the next, and images of this very score. The
    last group is that of all lower scores.

    Returns:
        float64 [num_groups, num_resamples] each; float, since products of counts are summed.
    """
    known, ood = checked_scores(in_scores, "in_scores"), checked_scores(out_scores, "out_scores")
    weights = checked_counts(counts, known.size + ood.size).T
    edges = np.unique(ood)
    num_groups = 2 * edges.size + 1

    def groups(scores: FloatArray) -> IntArray:
        return num_groups - 1 - np.searchsorted(edges, scores, "left") - np.searchsorted(edges, scores, "right")

    num_in = _summed(weights[: known.size], groups(known), num_groups)
    num_out = _summed(weights[known.size :], groups(ood), num_groups)
    if min(num_in.sum(axis=0).min(), num_out.sum(axis=0).min()) == 0:
        raise ValueError("counts: expected a known and an out-of-distribution image in each resample")
    return num_in, num_out


def _summed(weights: IntArray, groups: IntArray, num_groups: int) -> FloatArray:
    """Returns sums over the images of each group, float64 [num_groups, num_resamples].

    Args:
        weights: int [num_images, num_resamples].
        groups: int [num_images], 0 to num_groups - 1.
        num_groups: number of groups.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sums = np.zeros((num_groups, weights.shape[1]))
    sums[groups[order][starts]] = np.add.reduceat(weights[order], starts)
    return sums


def _check_tpr(tpr: float) -> None:
    """Raises ValueError unless 0 < tpr <= 1."""
    if not 0.0 < tpr <= 1.0:
        raise ValueError(f"tpr: expected above 0 and at most 1, got {tpr}")
