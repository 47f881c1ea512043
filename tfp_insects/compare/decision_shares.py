"""How many images models answer alone at one guaranteed risk, and how many of no known class pass their alarms."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from tfp_insects.compare.calibration import Calibration, calibration_of_run
from tfp_insects.compare.comparison import SEED
from tfp_insects.compare.promise import Promise, Terms, make_promise, order_of_thresholds
from tfp_insects.metrics.bootstrap import NUM_RESAMPLES, Resampled, Statistic, bootstrap_over_seeds, side_by_side
from tfp_insects.metrics.cross_validation import widened
from tfp_insects.metrics.decisions import resampled_answered_alone, resampled_passing
from tfp_insects.runs.layout import VALIDATION_NAME
from tfp_insects.runs.run import Run

NOT_ACCEPTED = -np.inf


@dataclasses.dataclass(frozen=True)
class Shares:
    """Of some models at one size, means over seeds on the same resamples.

    Attributes:
        risk: Largest share of wrong answers among those given alone, the same for all; none where no risk can be had.
        alone: Share of images of known classes that each model answers alone; empty where no risk can be had.
        false_alarm_rate: Largest share of images of known classes that are called unknown.
        passing: Share of images of no known class that pass each model's alarm; empty without an alarm.
    """

    risk: float | None
    alone: Mapping[str, Resampled]
    false_alarm_rate: float
    passing: Mapping[str, Resampled]


def shares_of(runs: Sequence[Run], terms: Terms | None = None, num_resamples: int = NUM_RESAMPLES) -> Shares | None:
    """Makes the promises of some runs of one size at one risk.

    Args:
        runs: Of one or more models, all with the same seeds, those of a seed tested on the same images.
        terms: What is asked for. If no run keeps this risk, the lowest one is taken that all of them can.
        num_resamples: Of the bootstrap.

    Returns:
        The shares; none where a run has no predictions for validation images, as those of older versions.

    Raises:
        InputError: A file of predictions cannot be read.
    """
    if not all((run.directory / VALIDATION_NAME).exists() for run in runs):
        return None
    made = {(run.model, run.seed): calibration_of_run(run) for run in runs}
    asked = terms or Terms()
    found = _common_terms(list(made.values()), asked)
    used = found or asked
    promises = {key: make_promise(one, used) for key, one in made.items()}
    models, seeds = list(dict.fromkeys(run.model for run in runs)), sorted({run.seed for run in runs})
    has_alarm = all(one.alarm is not None for one in promises.values())
    columns = [("alone", model) for model in models] if found else []
    columns += [("passing", model) for model in models] if has_alarm else []
    if not columns:
        return Shares(None, {}, asked.false_alarm_rate, {})
    statistics = [
        side_by_side([_statistic(kind, made[model, seed], promises[model, seed], used) for kind, model in columns])
        for seed in seeds
    ]
    of_seeds = [next(run for run in runs if run.seed == seed) for seed in seeds]
    num_judged = _num_judged(made[models[0], seeds[0]]) if has_alarm else 0
    resampled = _resample(statistics, of_seeds, num_judged, num_resamples)
    resampled = widened(resampled, max(run.variance_factor for run in runs))
    parts = {column: resampled.part(i) for i, column in enumerate(columns)}
    alone, passing = ({m: one for (kind, m), one in parts.items() if kind == name} for name in ("alone", "passing"))
    return Shares(found.risk if found else None, alone, asked.false_alarm_rate, passing)


def _common_terms(calibrations: Sequence[Calibration], asked: Terms) -> Terms | None:
    """The risk that was asked for if any run keeps it, else the lowest that all can; none where there is no such."""
    terms = asked
    while True:
        found = [make_promise(one, terms).acceptance for one in calibrations]
        is_possible = [one.is_possible for one in found]
        if all(is_possible) or (terms == asked and any(is_possible)):
            return terms
        lowest = [one.lowest_risk for one in found if not one.is_possible]
        known = [risk for risk in lowest if risk is not None]
        if len(known) < len(lowest):
            return None
        terms = Terms(max(known), asked.false_alarm_rate)  # Each is above the last, so this ends.


def _num_judged(calibration: Calibration) -> int:
    assert calibration.judging is not None
    return len(calibration.judging.confidence)


def _statistic(kind: str, calibration: Calibration, promise: Promise, terms: Terms) -> Statistic:
    """Of counts of test images, and of images of no known class behind them where a share is of these."""
    return (passing_statistic if kind == "passing" else alone_statistic)(calibration, promise, terms)


def passing_statistic(calibration: Calibration, promise: Promise, terms: Terms) -> Statistic:
    """The share of the judging images of no known class that pass the alarm, from counts of test images and of these."""
    alarm, judging = promise.alarm, calibration.judging
    assert alarm is not None
    assert judging is not None
    known, unknown = calibration.test.scores[alarm.score], judging.scores[alarm.score]
    return partial(resampled_passing, known, unknown, terms.false_alarm_rate)


def alone_statistic(calibration: Calibration, promise: Promise, terms: Terms) -> Statistic:
    """The share of test images that is answered alone, from counts of these, whatever counts stand behind them."""
    test, alarm = calibration.test, promise.alarm
    num_test = len(test.confidence)
    confidence = test.confidence
    if alarm is not None:
        validation = calibration.validation.at(calibration.validation.scores[alarm.score] < alarm.threshold)
        confidence = np.where(test.scores[alarm.score] < alarm.threshold, confidence, NOT_ACCEPTED)
        calibration = calibration._replace(validation=validation)
    thresholds = order_of_thresholds(calibration, confidence[confidence > NOT_ACCEPTED], terms.risk)
    alone = partial(resampled_answered_alone, confidence, test.correct, thresholds, terms.risk)
    return lambda counts: alone(counts[:, :num_test])


def _resample(statistics: Sequence[Statistic], runs: Sequence[Run], num_judged: int, num_resamples: int) -> Resampled:
    """One run of each seed tells which test images the seed has."""
    num_test = [len(run.test.labels) for run in runs]
    is_shared = len({run.test.example_ids for run in runs}) == 1
    return bootstrap_over_seeds(
        statistics,
        [0] * len(runs) if is_shared else num_test,
        num_shared=[*(num_test[:1] if is_shared else []), *([num_judged] if num_judged else [])],
        seed=SEED,
        num_resamples=num_resamples,
    )
