"""When an answer is trusted: a threshold on its confidence, chosen on validation images, judged on test images."""

import dataclasses
from typing import Any

import numpy as np
from scipy import stats

from tfp_insects.errors import InputError
from tfp_insects.metrics.scores import example_correct, mean_probabilities
from tfp_insects.metrics.selective import threshold_at_risk
from tfp_insects.runs.predictions import Predictions


@dataclasses.dataclass(frozen=True)
class Acceptance:
    """What a threshold does to labelled images.

    Attributes:
        num_examples: Images.
        num_accepted: Those whose highest probability reaches the threshold.
        num_correct: Right answers among these.
    """

    num_examples: int
    num_accepted: int
    num_correct: int

    def to_json(self) -> dict[str, Any]:
        """Counts, coverage, and the accuracy of accepted answers with its 95 % interval (Wilson 1927), in plain values."""
        return {
            **dataclasses.asdict(self),
            "coverage": self.num_accepted / self.num_examples,
            "accuracy": _share(self.num_correct, self.num_accepted),
        }


def _share(count: int, total: int) -> dict[str, float] | None:
    if total == 0:
        return None
    interval = stats.binomtest(count, total).proportion_ci(method="wilson")
    return {"estimate": count / total, "low": float(interval.low), "high": float(interval.high)}


def choose_threshold(validation: Predictions, risk: float) -> float:
    """The lowest confidence at which the share of wrong answers among accepted validation images is at most `risk`.

    Returns:
        A probability, or infinity where no threshold keeps to the risk.

    Raises:
        InputError: `risk` is no share.
    """
    if not 0.0 <= risk <= 1.0:
        raise InputError(f"risk={risk}: expected a share of wrong answers from 0 to 1, for example 0.05", field="risk")
    confidence = mean_probabilities(validation.probabilities).max(axis=-1)
    return threshold_at_risk(confidence, example_correct(validation.probabilities, validation.labels), risk)


def judge_threshold(predictions: Predictions, threshold: float) -> Acceptance:
    """Applies a threshold to labelled images."""
    accepted = mean_probabilities(predictions.probabilities).max(axis=-1) >= threshold
    correct = example_correct(predictions.probabilities, predictions.labels)
    return Acceptance(len(accepted), int(np.sum(accepted)), int(np.sum(accepted & correct)))
