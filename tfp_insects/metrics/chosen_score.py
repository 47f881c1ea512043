"""The score that suits a model best: chosen on some images of no known class, judged on others.

Which score tells strangers best depends on the images and on the model, and the best of several, judged on the images that
chose it, looks better than it is.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from tfp_insects.metrics.arrays import BoolArray, FloatArray, IntArray
from tfp_insects.metrics.bootstrap import Statistic
from tfp_insects.metrics.draws import Draws
from tfp_insects.metrics.metric import Metric, OodScore
from tfp_insects.metrics.out_of_distribution import auroc, resampled_auroc

METRIC = Metric(
    name="auroc_chosen_score",
    label="AUROC, chosen score",
    short="AUROC ch.",
    description="AUROC of the score with the highest one on validation images and one half of the images of no known class, "
    "for test images and the other half",
    maximum=1.0,
    better="high",
    shown="files",
    order=40,
)


def choose_score(scores: Sequence[OodScore], validation: Draws, unknown: Draws) -> OodScore:
    """Of the scores that say something of these predictions that of highest AUROC, the first of equal ones.

    Args:
        scores: To choose from.
        validation: Predictions for images of known classes that test nothing.
        unknown: Predictions for images of no known class that judge nothing.
    """
    speaking = [one for one in scores if one.speaks_of(validation) and one.speaks_of(unknown)]
    return max(speaking, key=lambda one: auroc(one.score(validation), one.score(unknown)))


def judged_auroc(score: OodScore, known: Draws, unknown: Draws, is_judging: BoolArray) -> Statistic:
    """The AUROC of a score for the judging images, from counts of known and all unknown images side by side."""
    places = np.concatenate([np.ones(known.probabilities.shape[1], bool), is_judging])
    return partial(_of_counted, score.score(known), score.score(unknown)[is_judging], places)


def _of_counted(known: FloatArray, judged: FloatArray, places: BoolArray, counts: IntArray) -> FloatArray:
    return resampled_auroc(known, judged, counts[:, places])
