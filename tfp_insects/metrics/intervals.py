"""The study's metrics of one test set as statistics to bootstrap, and their intervals with the method each needs."""

from collections.abc import Mapping
from functools import partial

import numpy.typing as npt

from tfp_insects.metrics import calibration, out_of_distribution, selective
from tfp_insects.metrics import scores as metrics
from tfp_insects.metrics.bootstrap import Interval, Method, Statistic, bootstrap_interval, mean_of

# Resampling biases these upwards: see `bootstrap_interval`. All others get percentile intervals.
METHODS: Mapping[str, Method] = {"ece": "basic", "ece_equal_mass": "basic"}


def metric_statistics(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> dict[str, Statistic]:
    """Returns the metrics of `metrics.summarize` that are measured against labels, under the same names.

    Args:
        probabilities: float [num_samples, num_examples, num_classes] or [num_examples, num_classes].
        labels: int [num_examples].

    Raises:
        ValueError: a wrong shape, or values that are no probabilities or no labels.
    """
    averaged = metrics.mean_probabilities(probabilities)
    confidence, correct = averaged.max(axis=-1), metrics.example_correct(averaged, labels)
    error = calibration.resampled_calibration_error
    return {
        "accuracy": mean_of(correct),
        "macro_accuracy": partial(metrics.resampled_macro_accuracy, averaged, labels),
        "nll": mean_of(metrics.example_negative_log_likelihood(averaged, labels)),
        "brier": mean_of(metrics.example_brier_score(averaged, labels)),
        "ece": partial(error, averaged, labels),
        "ece_equal_mass": partial(error, averaged, labels, binning="equal_mass"),
        "aurc": partial(selective.resampled_aurc, confidence, correct),
        "accuracy_at_80_coverage": partial(selective.resampled_accuracy_at_coverage, confidence, correct, coverage=0.8),
        "coverage_at_5_risk": partial(selective.resampled_coverage_at_risk, confidence, correct, risk=0.05),
    }


def out_of_distribution_statistics(
    in_probabilities: npt.ArrayLike, out_probabilities: npt.ArrayLike
) -> dict[str, Statistic]:
    """Returns `auroc_<score>` and `fpr95_<score>` for each score of `out_of_distribution.scores`.

    To bootstrap them, give `num_examples` as (number of known images, number of out-of-distribution images).

    Args:
        in_probabilities: float [num_samples, num_in, num_classes].
        out_probabilities: float [num_samples, num_out, num_classes].

    Raises:
        ValueError: a wrong shape, or values that are no probabilities.
    """
    known, ood = out_of_distribution.scores(in_probabilities), out_of_distribution.scores(out_probabilities)
    found: dict[str, Statistic] = {}
    for name in known:
        found[f"auroc_{name}"] = partial(out_of_distribution.resampled_auroc, known[name], ood[name])
        found[f"fpr95_{name}"] = partial(out_of_distribution.resampled_fpr_at_tpr, known[name], ood[name])
    return found


def metric_intervals(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int, num_resamples: int = 2000
) -> dict[str, Interval]:
    """Returns each metric of `metric_statistics` with its 95 % interval over images.

    No metric can be below 0, and so no end of an interval is.

    Raises:
        ValueError: see `metric_statistics`; or a `num_resamples` below 1.
    """
    num_examples = len(metrics.mean_probabilities(probabilities))
    found = {}
    for name, statistic in metric_statistics(probabilities, labels).items():
        method = METHODS.get(name, "percentile")
        interval = bootstrap_interval(statistic, num_examples, seed=seed, num_resamples=num_resamples, method=method)
        found[name] = not_negative(interval)
    return found


def not_negative(interval: Interval) -> Interval:
    """Cuts the ends of an interval at 0, below which no metric is; a basic interval can reach there."""
    return Interval(interval.estimate, max(interval.low, 0.0), max(interval.high, 0.0))
