"""Every metric of the table, on one model's predictions: as they are, as statistics to bootstrap, and with intervals."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.bootstrap import NUM_RESAMPLES, Interval, Statistic, bootstrap, side_by_side
from tfp_insects.metrics.cross_validation import widened
from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.metric import Metric
from tfp_insects.metrics.metric_table import labelled_metrics, ood_metrics, ood_scores


def summarize(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> dict[str, float]:
    """Returns every metric of one prediction on one labelled set.

    Args:
        probabilities: float [num_samples, num_examples, num_classes]; a deterministic model has num_samples = 1.
        labels: int [num_examples].

    Raises:
        ValueError: a wrong shape, or values that are no probabilities or no labels.
    """
    ones = np.ones((1, np.size(labels)), dtype=np.int64)
    return {name: float(statistic(ones)[0]) for name, statistic in metric_statistics(probabilities, labels).items()}


def metric_statistics(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> dict[str, Statistic]:
    """Returns each metric of `summarize` as a statistic to bootstrap.

    Args:
        probabilities: float [num_samples, num_examples, num_classes]; or [num_examples, num_classes], one draw.
        labels: int [num_examples].

    Raises:
        ValueError: a wrong shape, or values that are no probabilities or no labels.
    """
    draws = LabelledDraws(probabilities, labels)
    return {metric.name: metric.statistic(draws) for metric in labelled_metrics()}


def metric_intervals(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    factor: float = 1.0,
) -> dict[str, Interval]:
    """Returns each metric of `summarize` with its 95 % interval over images.

    The variance is `factor` times that of the resamples, see `cross_validation.variance_factor`.

    Raises:
        ValueError: see `summarize`; or a `num_resamples` below 1.
    """
    metrics = {metric.name: metric for metric in labelled_metrics()}
    statistics = metric_statistics(probabilities, labels)
    return _intervals(metrics, statistics, (np.size(labels),), seed, num_resamples, factor)


def scores_of_unknown(predictions: npt.ArrayLike | Draws) -> dict[str, FloatArray]:
    """Returns each score of being of no known class, float64 [num_examples], by its name.

    Args:
        predictions: What scores read; or its probabilities alone, float [num_samples, num_examples, num_classes]. Of one
            draw, scores that need several say nothing; without leverage there is no score by it.

    Raises:
        ValueError: a wrong shape, or values that are no probabilities.
    """
    draws = predictions if isinstance(predictions, Draws) else Draws(predictions)
    scores = [one for one in ood_scores() if draws.leverage is not None or not one.needs_leverage]
    return {score.name: score.score(draws) for score in scores}


def out_of_distribution_statistics(
    known: npt.ArrayLike | Draws, unknown: npt.ArrayLike | Draws
) -> dict[str, Statistic]:
    """Returns `auroc_<score>` and `fpr95_<score>` for each score as statistics to bootstrap.

    To bootstrap them, give `num_examples` as (number of known images, number of out-of-distribution images).

    Args:
        known: Predictions for known images, see `scores_of_unknown`.
        unknown: Predictions for images of no known class.

    Raises:
        ValueError: a wrong shape, or values that are no probabilities.
    """
    inside, outside = scores_of_unknown(known), scores_of_unknown(unknown)
    return {
        metric.name: metric.statistic(inside[metric.score.name], outside[metric.score.name])
        for metric in ood_metrics()
        if metric.score.name in inside and metric.score.name in outside
    }


def out_of_distribution_intervals(
    known: npt.ArrayLike | Draws,
    unknown: npt.ArrayLike | Draws,
    *,
    seed: int,
    num_resamples: int = NUM_RESAMPLES,
    factor: float = 1.0,
) -> dict[str, Interval]:
    """Returns each of `out_of_distribution_statistics`, whose arguments these are, with its 95 % interval over images.

    The variance is `factor` times that of the resamples, see `cross_validation.variance_factor`.
    """
    metrics = {metric.name: metric for metric in ood_metrics()}
    statistics = out_of_distribution_statistics(known, unknown)
    sizes = _num_examples(known), _num_examples(unknown)
    return _intervals(metrics, statistics, sizes, seed, num_resamples, factor)


def _num_examples(predictions: npt.ArrayLike | Draws) -> int:
    return int(np.shape(predictions.probabilities if isinstance(predictions, Draws) else predictions)[-2])


def _intervals(
    metrics: Mapping[str, Metric],
    statistics: Mapping[str, Statistic],
    sizes: tuple[int, ...],
    seed: int,
    num_resamples: int,
    factor: float,
) -> dict[str, Interval]:
    """All at once, since making the resamples takes longer than most metrics."""
    found = bootstrap(side_by_side(list(statistics.values())), sizes, seed=seed, num_resamples=num_resamples)
    spread = widened(found, factor)
    return {name: metrics[name].interval(spread.part(i)) for i, name in enumerate(statistics)}
