"""What a model card says of the promises that an export keeps, in plain values."""

from typing import Any

import numpy as np

from tfp_insects.compare.promise import Acceptance, Alarm
from tfp_insects.metrics.arrays import BoolArray
from tfp_insects.metrics.counts import confusion_matrix
from tfp_insects.metrics.draws import Draws, LabelledDraws
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.metrics.proportions import wilson_interval
from tfp_insects.runs.predictions import Predictions


def accepted_fields(acceptance: Acceptance) -> dict[str, Any]:
    """When answers are accepted, on what that rests, and what would be needed where none is."""
    return {
        "risk": acceptance.risk,
        "confidence_level": acceptance.confidence_level,
        "is_approximate": acceptance.is_approximate,
        "threshold": acceptance.threshold if acceptance.is_possible else None,
        "calibration": {
            "images": "test",
            "num_examples": acceptance.num_examples,
            "num_accepted": acceptance.num_accepted,
            "num_errors": acceptance.num_errors,
            "coverage": acceptance.coverage,
            "upper_bound": acceptance.upper_bound,
        },
        "num_images_needed": acceptance.num_images_needed,
        "lowest_risk": acceptance.lowest_risk,
    }


def alarm_fields(alarm: Alarm, test: Predictions, ood_data: str) -> dict[str, Any]:
    """When images are called unknown, how often known ones are, and what share of others passes.

    Args:
        alarm: The alarm.
        test: Predictions for the test images.
        ood_data: What the record calls the images of no known class.
    """
    low, high = alarm.false_alarm_interval
    return {
        "score": alarm.score,
        "label": alarm.label,
        "threshold": alarm.threshold,
        "false_alarm_rate": alarm.false_alarm_rate,
        "false_alarm_interval": {"low": low, "high": high},
        "num_examples": alarm.num_examples,
        "unknown": {
            "data": ood_data,
            "num_choosing": alarm.num_choosing,
            "num_judged": alarm.num_judged,
            "passed": _share(alarm.num_passed, alarm.num_judged),
            "accepted": _share(alarm.num_accepted, alarm.num_judged),
        },
        "test_confusion": _confusion_below(alarm, test),
    }


def _share(count: int, total: int) -> dict[str, float]:
    low, high = wilson_interval(count / total, total)
    return {"count": count, "estimate": count / total, "low": float(low), "high": float(high)}


def _confusion_below(alarm: Alarm, test: Predictions) -> list[list[int]]:
    """The confusion matrix of the test images that are not called unknown; of a class that always is, of all its images."""
    draws = LabelledDraws(test.probabilities, test.labels, test.leverage)
    predicted, num_classes = draws.mean.argmax(axis=-1), test.probabilities.shape[-1]

    def confusion(is_counted: BoolArray) -> np.ndarray:
        return confusion_matrix(draws.labels[is_counted], predicted[is_counted], num_classes)

    passed, whole = confusion(_score(alarm, draws) <= alarm.threshold), confusion(np.ones(len(predicted), bool))
    return np.where(passed.any(axis=1, keepdims=True), passed, whole).tolist()


def _score(alarm: Alarm, draws: Draws) -> np.ndarray:
    return next(score for score in ood_scores() if score.name == alarm.score).score(draws)
