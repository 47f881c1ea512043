"""All metrics: whatever file of `metrics/labelled` and `metrics/unknown` says that it is one."""

from types import ModuleType
from typing import Any

from tfp_insects.metrics import chosen_score, labelled, unknown
from tfp_insects.metrics.metric import LabelledMetric, Metric, OodMetric, OodScore
from tfp_insects.metrics.separation import SEPARATIONS
from tfp_insects.modules import modules_in


def labelled_metrics() -> tuple[LabelledMetric, ...]:
    """Metrics of images whose classes are known, in their order."""
    return _in_order(_found_in(labelled, "METRIC"))


def ood_scores() -> tuple[OodScore, ...]:
    """Scores for telling images of no known class, in their order."""
    return _in_order(_found_in(unknown, "SCORE"))


def ood_metrics() -> tuple[OodMetric, ...]:
    """How well each score tells images of no known class: each score in each way, AUROC and FPR95."""
    return tuple(separation(score) for score in ood_scores() for separation in SEPARATIONS)


def unknown_metrics() -> tuple[Metric, ...]:
    """All metrics of images of no known class: those of each score, and that of the score chosen for a run."""
    return (*ood_metrics(), chosen_score.METRIC)


def all_metrics() -> tuple[Metric, ...]:
    """Metrics of labelled images, then those of images of no known class."""
    return (*labelled_metrics(), *unknown_metrics())


def table_metrics() -> tuple[LabelledMetric, ...]:
    """Metrics of labelled images that are shown first."""
    return tuple(metric for metric in labelled_metrics() if metric.is_in_tables)


def compared_metrics() -> tuple[Metric, ...]:
    """Metrics whose differences between two models are shown, those of images of no known class last."""
    return tuple(one for one in (*table_metrics(), *ood_metrics()) if one.is_in_tables)


def find_metric(name: str) -> Metric:
    """Finds a metric by its name.

    Raises:
        KeyError: There is none of that name.
    """
    for metric in all_metrics():
        if metric.name == name:
            return metric
    raise KeyError(f"no metric {name}; there are {', '.join(metric.name for metric in all_metrics())}")


def describe_metrics() -> str:
    """All metrics for a help text: a line each, with its name, what it is and which way is good."""
    words = {"high": "; high is good", "low": "; low is good", "neither": ""}
    return "\n".join(f"  {one.name}: {one.description}{words[one.better]}" for one in all_metrics())


def _in_order(found: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(found, key=lambda one: (one.order, one.name)))


def _found_in(folder: ModuleType, attribute: str) -> list[Any]:
    return [getattr(module, attribute) for module in modules_in(folder)]
