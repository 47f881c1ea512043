"""What a finished run can promise: how often accepted answers are wrong, and how often a known class is called unknown.

Both promises are calibrated on the run's test images, which chose nothing of the model: neither the epoch nor a temperature,
a covariance or the order in which thresholds are tested. For these there are the validation images. Metrics of the test
images stay what they are, since no part of the model comes from them.

In a cross-validation each image is tested and validates, so thresholds are ordered without a look at classes. What is
promised is approximate then: it is measured on all networks together, which share training images, and used with one.
"""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from tfp_insects.compare.alarm_score import choose_alarm_score
from tfp_insects.compare.calibration import Calibration, calibration_of_run
from tfp_insects.errors import InputError
from tfp_insects.metrics.alarm import alarm_threshold, false_alarm_interval, fewest_for_alarm
from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.guarantee import (
    CONFIDENCE_LEVEL,
    guaranteed_threshold,
    images_needed,
    lowest_risk,
    thresholds_to_test,
    thresholds_without_labels,
)
from tfp_insects.metrics.metric import OodScore
from tfp_insects.metrics.metric_table import ood_scores
from tfp_insects.runs.run import Run


@dataclasses.dataclass(frozen=True)
class Terms:
    """What is asked for.

    Attributes:
        risk: Largest share of wrong answers among accepted ones.
        false_alarm_rate: Largest share of images of known classes that are called unknown.

    Raises:
        InputError: A number is no such share.
    """

    risk: float = 0.05
    false_alarm_rate: float = 0.05

    def __post_init__(self) -> None:
        if not 0.0 <= self.risk <= 1.0:
            raise InputError(
                f"risk={self.risk}: expected a share of wrong answers from 0 to 1, for example 0.05", field="risk"
            )
        if not 0.0 < self.false_alarm_rate < 1.0:
            raise InputError(
                f"false_alarms={self.false_alarm_rate}: expected a share of images above 0 and below 1, for example 0.05",
                field="false_alarms",
            )


@dataclasses.dataclass(frozen=True)
class Acceptance:
    """Answers that can be left to the model.

    Attributes:
        risk: Largest share of wrong answers among accepted ones.
        confidence_level: With which this holds.
        threshold: Answers whose highest probability is at least this are accepted; infinity where none can be.
        num_examples: Images that it is calibrated on.
        num_accepted: Those that are accepted.
        num_errors: Wrong answers among these.
        upper_bound: Of the share of wrong answers, from these two; 1 where nothing is accepted.
        num_images_needed: About how many images a threshold would need, where there is none; none where no number helps.
        lowest_risk: The lowest risk that can be had, where there is no threshold; none where there is no such.
        is_approximate: Whether it was measured on several networks, of which one is used.
    """

    risk: float
    confidence_level: float
    threshold: float
    num_examples: int
    num_accepted: int
    num_errors: int
    upper_bound: float
    num_images_needed: int | None = None
    lowest_risk: float | None = None
    is_approximate: bool = False

    @property
    def is_possible(self) -> bool:
        """Whether any answer can be accepted."""
        return math.isfinite(self.threshold)

    @property
    def coverage(self) -> float:
        """Share of the images that is accepted."""
        return self.num_accepted / self.num_examples


@dataclasses.dataclass(frozen=True)
class Alarm:
    """Images that are called unknown.

    Attributes:
        score: Name of the score of `metrics.unknown` that it goes by.
        label: What pages call this.
        threshold: Images with a score above it are called unknown.
        false_alarm_rate: Largest share of images of known classes that are.
        false_alarm_interval: Where this share lies with a probability of 95 %.
        num_examples: Images of known classes that it is calibrated on.
        num_choosing: Images of no known class that chose the score.
        num_judged: The others of them.
        num_passed: Those of the others that are not called unknown.
        num_accepted: Those whose answer is accepted.
    """

    score: str
    label: str
    threshold: float
    false_alarm_rate: float
    false_alarm_interval: tuple[float, float]
    num_examples: int
    num_choosing: int
    num_judged: int
    num_passed: int
    num_accepted: int


@dataclasses.dataclass(frozen=True)
class Promise:
    """Both promises of a run.

    Attributes:
        acceptance: When an answer is accepted.
        alarm: When an image is called unknown; none where it never is.
        alarm_obstacle: Why it never is; empty where there is an alarm.
    """

    acceptance: Acceptance
    alarm: Alarm | None
    alarm_obstacle: str = ""


def promise_of(run: Run, terms: Terms, scores: Sequence[OodScore] | None = None) -> Promise:
    """What a finished run can promise.

    Args:
        run: The run.
        terms: What is asked for.
        scores: Those that an alarm may go by; all by default.

    Raises:
        InputError: A file of predictions cannot be read.
    """
    return make_promise(calibration_of_run(run, scores), terms)


def make_promise(calibration: Calibration, terms: Terms) -> Promise:
    """What can be promised.

    Both promises may be calibrated on the same images: given the score at the alarm's threshold, those with a lower one are
    as independent as before. An image at the threshold itself is neither called unknown nor accepted.
    """
    obstacle = _alarm_obstacle(calibration, terms.false_alarm_rate)
    if obstacle:
        return Promise(_accept(calibration, len(calibration.test.correct), terms), None, obstacle)
    assert calibration.choosing is not None
    known, unknown = calibration.validation.scores, calibration.choosing.scores
    score = choose_alarm_score(known, unknown, calibration.choosing_units, terms.false_alarm_rate)
    threshold = alarm_threshold(calibration.test.scores[score], terms.false_alarm_rate)
    validation, test = (one.at(one.scores[score] < threshold) for one in (calibration.validation, calibration.test))
    called_known = calibration._replace(validation=validation, test=test)
    acceptance = _accept(called_known, len(calibration.test.correct), terms)
    return Promise(acceptance, _make_alarm(calibration, terms, score, threshold, acceptance.threshold))


def _alarm_obstacle(calibration: Calibration, rate: float) -> str:
    """Why there is no alarm; empty where there is one."""
    if calibration.choosing is None:
        return "the run was not asked about images of no known class"
    if not len(calibration.choosing.confidence):
        return "there is but one image of no known class"
    needed, num_known = fewest_for_alarm(rate), len(calibration.test.confidence)
    if num_known < needed:
        return f"false alarms of {rate:g} need {needed} test images, and there are {num_known}"
    return ""


def order_of_thresholds(calibration: Calibration, confidence: FloatArray, risk: float) -> FloatArray:
    """The order in which thresholds are tested on images of some confidences; empty where there are no images to learn it."""
    if calibration.is_cross_validated:
        return thresholds_without_labels(confidence, risk)
    validation = calibration.validation
    if not validation.confidence.size:
        return np.zeros(0)
    return thresholds_to_test(validation.confidence, validation.correct, risk)


def _accept(calibration: Calibration, num_examples: int, terms: Terms) -> Acceptance:
    """Calibrates on images that may be accepted; with those that are called unknown there are `num_examples`."""
    test, is_approximate = calibration.test, calibration.is_cross_validated
    nothing = Acceptance(terms.risk, CONFIDENCE_LEVEL, math.inf, num_examples, 0, 0, 1.0, is_approximate=is_approximate)
    thresholds_at = partial(order_of_thresholds, calibration, test.confidence)
    thresholds = thresholds_at(terms.risk)
    if not thresholds.size:
        return nothing
    found = guaranteed_threshold(test.confidence, test.correct, thresholds, terms.risk)
    if found.num_accepted:
        return dataclasses.replace(nothing, **found._asdict())
    needed = images_needed(test.confidence, test.correct, thresholds[0], terms.risk)
    return dataclasses.replace(
        nothing,
        num_images_needed=None if needed is None else math.ceil(needed * num_examples / test.confidence.size),
        lowest_risk=lowest_risk(test.confidence, test.correct, thresholds_at, above=terms.risk),
    )


def _make_alarm(calibration: Calibration, terms: Terms, name: str, threshold: float, accepted_from: float) -> Alarm:
    """Judges an alarm, and the threshold of the confidence beside it, on the images that did not choose it."""
    choosing, judging = calibration.choosing, calibration.judging
    assert choosing is not None
    assert judging is not None
    score, num_known = judging.scores[name], len(calibration.test.confidence)
    return Alarm(
        score=name,
        label=next(one.label for one in ood_scores() if one.name == name),
        threshold=threshold,
        false_alarm_rate=terms.false_alarm_rate,
        false_alarm_interval=false_alarm_interval(num_known, terms.false_alarm_rate),
        num_examples=num_known,
        num_choosing=len(choosing.confidence),
        num_judged=len(score),
        num_passed=int(np.sum(score <= threshold)),
        num_accepted=int(np.sum((score < threshold) & (judging.confidence >= accepted_from))),
    )
