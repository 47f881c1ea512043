"""Images that promises are made from: scored once, and those of no known class shared out to choose and to judge."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfp_insects.data.grouping import seeded_order
from tfp_insects.metrics.arrays import BoolArray, FloatArray, IntArray
from tfp_insects.metrics.metric import OodScore
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.runs.predictions import Predictions
from tfp_insects.runs.run import Run

HALVES_SEED = 0


class Scored(NamedTuple):
    """What promises are made from, of some images.

    Attributes:
        confidence: Highest mean probability, float64 `[num_examples]`.
        correct: Whether the answer is right, bool `[num_examples]`; of no meaning for images of no known class.
        scores: Of being of no known class, float64 `[num_examples]` each, by name.
    """

    confidence: FloatArray
    correct: BoolArray
    scores: Mapping[str, FloatArray]

    def at(self, mask: BoolArray) -> "Scored":
        """Some of the images."""
        scores = {name: score[mask] for name, score in self.scores.items()}
        return Scored(self.confidence[mask], self.correct[mask], scores)


class Calibration(NamedTuple):
    """Images that promises are made from.

    Attributes:
        validation: Those that chose the epoch; they choose the order of the thresholds and the score.
        test: Those that chose nothing; they calibrate.
        choosing: Of no known class, to choose the score; none where the run was not asked about any.
        judging: The others of these.
        choosing_units: Which of the choosing images belong together, int `[num_choosing]`, see `units_of`.
        is_cross_validated: Whether validation and test images are the same, each answered by two networks that did not train
            on it. Then nothing may be chosen by the classes of the validation images.
    """

    validation: Scored
    test: Scored
    choosing: Scored | None = None
    judging: Scored | None = None
    choosing_units: IntArray = np.zeros(0, np.int64)
    is_cross_validated: bool = False


def calibration_of(
    validation: Predictions, test: Predictions, unknown: Predictions | None, scores: Sequence[OodScore] | None = None
) -> Calibration:
    """Scores predictions for validation, test and unknown images; scores that say nothing of one draw are left out."""
    every = [one.draws for one in (validation, test, unknown) if one is not None]
    used = [score for score in scores or ood_scores() if all(score.speaks_of(draws) for draws in every)]
    known = _scored(validation, used), _scored(test, used)
    if unknown is None:
        return Calibration(*known)
    is_choosing, found = choosing_half(unknown.example_ids), _scored(unknown, used)
    units = units_of(unknown.example_ids)[is_choosing]
    return Calibration(*known, found.at(is_choosing), found.at(~is_choosing), units)


def calibration_of_run(run: Run, scores: Sequence[OodScore] | None = None) -> Calibration:
    """The same of a finished run."""
    found = calibration_of(run.validation, run.test, run.ood, scores)
    return found._replace(is_cross_validated=run.num_folds > 0)


def choosing_half(example_ids: Sequence[str]) -> BoolArray:
    """Which images of no known class choose the score; the others judge it.

    Images of one folder, so of one class, stay together, where there are several folders: the half that judges is of classes
    that the choice has not seen.

    Args:
        example_ids: Paths of the images.

    Returns:
        bool `[num_examples]`; at most half of them are true.
    """
    names, members = _units(example_ids)
    sizes = np.bincount(members)
    is_choosing = np.zeros(len(names), bool)
    for unit in seeded_order(names, "halves of the unknown", HALVES_SEED):
        is_choosing[unit] = 2 * (sizes[is_choosing].sum() + sizes[unit]) <= sizes.sum()
    return is_choosing[members]


def units_of(example_ids: Sequence[str]) -> IntArray:
    """Number of each image's folder, where there are several; else each image has its own, int64 `[num_examples]`."""
    return _units(example_ids)[1]


def _units(example_ids: Sequence[str]) -> tuple[list[str], IntArray]:
    """Names of the units in alphabetical order, and the number of each image's."""
    folders = [name.rpartition("/")[0] for name in example_ids]
    names, members = np.unique(folders if len(set(folders)) > 1 else list(example_ids), return_inverse=True)
    return names.tolist(), members


def _scored(predictions: Predictions, scores: Sequence[OodScore]) -> Scored:
    draws = predictions.draws
    correct = draws.mean.argmax(axis=-1) == predictions.labels
    return Scored(draws.confidence, correct, {score.name: score.score(draws) for score in scores})
