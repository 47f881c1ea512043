"""Can the model tell images of no class it knows from those it knows? Out-of-distribution is the positive class.

Scores are float [num_in] for images of known classes and [num_out] for others, higher where an image looks less
like them.
"""

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sklearn_metrics

from tfp_insects.metrics import scores as metrics
from tfp_insects.metrics.arrays import FloatArray, IntArray, checked_counts, checked_probabilities, checked_scores


def scores(probabilities: npt.ArrayLike) -> dict[str, FloatArray]:
    """Returns the three scores of being out of distribution, each float64 [num_examples].

    Args:
        probabilities: float [num_samples, num_examples, num_classes].

    Returns:
        `predictive_entropy` and `mutual_information` in nats, `one_minus_max_probability` (Hendrycks & Gimpel 2017).
        One draw has no mutual information: it is 0 for every image.

    Raises:
        ValueError: `probabilities` has a wrong shape or holds no probabilities.
    """
    draws = checked_probabilities(probabilities, ndims=(3,))
    return {
        "predictive_entropy": metrics.predictive_entropy(draws),
        "mutual_information": metrics.mutual_information(draws),
        "one_minus_max_probability": 1.0 - metrics.mean_probabilities(draws).max(axis=-1),
    }


def auroc(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike) -> float:
    """Returns the area under the ROC curve: P(out score > in score) + P(equal) / 2, so 0.5 is chance.

    Raises:
        ValueError: scores that are not one-dimensional, empty or not finite.
    """
    return float(sklearn_metrics.roc_auc_score(*_truth_and_scores(in_scores, out_scores)))


def fpr_at_tpr(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, tpr: float = 0.95) -> float:
    """Returns FPR95: the share of known images above the highest threshold that finds `tpr` of the other images.

    A threshold calls out-of-distribution what scores as high or higher (Hendrycks & Gimpel 2017; Liang et al. 2018).

    Raises:
        ValueError: scores that are not one-dimensional, empty or not finite; or a `tpr` outside (0, 1].
    """
    _check_tpr(tpr)
    # Dropping intermediate thresholds would drop the one asked for.
    truth, joined = _truth_and_scores(in_scores, out_scores)
    false_rate, true_rate, _ = sklearn_metrics.roc_curve(truth, joined, drop_intermediate=False)
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
    higher_out = np.cumsum(num_out, axis=1) - num_out
    pairs = (num_in * (higher_out + 0.5 * num_out)).sum(axis=1)
    return pairs / (num_in.sum(axis=1) * num_out.sum(axis=1))


def resampled_fpr_at_tpr(
    in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, counts: IntArray, tpr: float = 0.95
) -> FloatArray:
    """Returns `fpr_at_tpr` of many resamples at once, float64 [num_resamples]; see `resampled_auroc`."""
    _check_tpr(tpr)
    num_in, num_out = _grouped_counts(in_scores, out_scores, counts)
    found = np.cumsum(num_out, axis=1) / num_out.sum(axis=1, keepdims=True)
    first = (found >= tpr).argmax(axis=1)[:, np.newaxis]
    return np.take_along_axis(np.cumsum(num_in, axis=1), first, axis=1)[:, 0] / num_in.sum(axis=1)


def _truth_and_scores(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Returns 0 for known and 1 for out-of-distribution images, and all scores, known first, [num_in + num_out] each."""
    known, ood = checked_scores(in_scores, "in_scores"), checked_scores(out_scores, "out_scores")
    return np.repeat([0, 1], [known.size, ood.size]), np.concatenate([known, ood])


def _grouped_counts(
    in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, counts: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Returns how many known and how many out-of-distribution images have each score, highest score first.

    float64 [num_resamples, num_scores] each; float, since products of counts are summed.
    """
    truth, joined = _truth_and_scores(in_scores, out_scores)
    weights = checked_counts(counts, joined.size).astype(np.float64)
    order = np.argsort(-joined, kind="stable")
    starts = np.flatnonzero(np.diff(joined[order], prepend=np.inf))
    num_in = np.add.reduceat((weights * (truth == 0))[:, order], starts, axis=1)
    num_out = np.add.reduceat((weights * (truth == 1))[:, order], starts, axis=1)
    if min(num_in.sum(axis=1).min(), num_out.sum(axis=1).min()) == 0:
        raise ValueError("counts: expected a known and an out-of-distribution image in each resample")
    return num_in, num_out


def _check_tpr(tpr: float) -> None:
    """Raises ValueError unless 0 < tpr <= 1."""
    if not 0.0 < tpr <= 1.0:
        raise ValueError(f"tpr: expected above 0 and at most 1, got {tpr}")
