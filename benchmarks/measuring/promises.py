"""Promises made from one part of a run's test images, and judged on the other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Console
from scipy import stats

from measuring.tables import print_table
from tfp_insects.compare.calibration import Calibration, Scored, calibration_of_run
from tfp_insects.compare.promise import Terms, make_promise
from tfp_insects.metrics.arrays import BoolArray
from tfp_insects.metrics.guarantee import risk_upper_bound
from tfp_insects.runs.run import Run

HEADINGS = (
    *("run", "risk", "accept any", "keep it", "wrong", "accepted", "best"),
    *("false alarms", "within", "unknown pass", "accepted"),
)


class Split(NamedTuple):
    """What one promise did to images that did not calibrate it.

    Attributes:
        num_accepted: Images of known classes that are accepted.
        num_errors: Wrong answers among these.
        coverage: Share that is accepted.
        best_coverage: Share that the lowest threshold accepts whose bound, on the calibrating part, is within the risk.
        false_alarms: Share that is called unknown; none without an alarm.
        is_within: Whether that is where 95 % of such shares lie.
        passed: Share of the judging images of no known class that is not called unknown.
        strangers_accepted: Share of them that is accepted.
    """

    num_accepted: int
    num_errors: int
    coverage: float
    best_coverage: float
    false_alarms: float | None
    is_within: bool
    passed: float
    strangers_accepted: float


class Measured(NamedTuple):
    """All splits of one run at one risk."""

    name: str
    terms: Terms
    splits: Sequence[Split]


def measure_promises(run: Run, terms: Terms, num_splits: int, calibrating: float = 0.5) -> Measured:
    """Splits a run's test images again and again; its validation images choose thresholds and score, as in an export."""
    calibration = calibration_of_run(run)
    rng, num = np.random.default_rng(0), len(calibration.test.correct)
    parts = [np.isin(np.arange(num), rng.permutation(num)[: round(calibrating * num)]) for _ in range(num_splits)]
    return Measured(run.directory.name, terms, [_judge(calibration, part, terms) for part in parts])


def print_promises(found: Sequence[Measured], console: Console) -> None:
    """Prints a row for each run and risk."""
    title = "Promises made from one part of the test images, judged on the other"
    print_table(title, HEADINGS, [_row(one) for one in found], console)


def keeps_risk(split: Split, risk: float) -> bool:
    """Whether no more of the accepted images are wrong than promised."""
    return split.num_errors <= risk * split.num_accepted


def _row(one: Measured) -> list[str]:
    splits, num = one.splits, len(one.splits)
    accepted, errors = sum(h.num_accepted for h in splits), sum(h.num_errors for h in splits)
    alarms = [h.false_alarms for h in splits if h.false_alarms is not None]
    return [
        one.name,
        f"{one.terms.risk:g}",
        f"{sum(h.num_accepted > 0 for h in splits)}/{num}",
        f"{sum(keeps_risk(h, one.terms.risk) for h in splits)}/{num}",
        f"{errors / accepted:.3f}" if accepted else "",
        f"{np.mean([h.coverage for h in splits]):.3f}",
        f"{np.mean([h.best_coverage for h in splits]):.3f}",
        *([f"{np.mean(alarms):.3f}", f"{sum(h.is_within for h in splits)}/{num}"] if alarms else ["", ""]),
        *([f"{np.mean([h.passed for h in splits]):.3f}"] if alarms else [""]),
        *([f"{np.mean([h.strangers_accepted for h in splits]):.3f}"] if alarms else [""]),
    ]


def _judge(calibration: Calibration, part: BoolArray, terms: Terms) -> Split:
    test, others = calibration.test, ~part
    promise = make_promise(calibration._replace(test=test.at(part)), terms)
    alarm = promise.alarm
    score, threshold = (np.zeros(len(part)), np.inf) if alarm is None else (test.scores[alarm.score], alarm.threshold)
    is_known, is_wrong, num_alarms = score < threshold, ~test.correct, int((score[others] > threshold).sum())
    accepted = is_known & (test.confidence >= promise.acceptance.threshold)
    best = is_known & (test.confidence >= _best_threshold(test.at(part & is_known), terms.risk))
    return Split(
        num_accepted=int(accepted[others].sum()),
        num_errors=int((accepted & is_wrong)[others].sum()),
        coverage=float(accepted[others].mean()),
        best_coverage=float(best[others].mean()),
        false_alarms=num_alarms / int(others.sum()) if alarm else None,
        is_within=_is_within(num_alarms, int(others.sum()), int(part.sum()), terms.false_alarm_rate),
        passed=alarm.num_passed / alarm.num_judged if alarm else 0.0,
        strangers_accepted=alarm.num_accepted / alarm.num_judged if alarm else 0.0,
    )


def _best_threshold(calibrating: Scored, risk: float) -> float:
    """The lowest of all thresholds whose bound is within the risk; infinity if there is none."""
    order = np.argsort(-calibrating.confidence, kind="stable")
    confidence, num_errors = calibrating.confidence[order], np.cumsum(~calibrating.correct[order])
    kept = np.flatnonzero(risk_upper_bound(num_errors, np.arange(1, len(order) + 1)) <= risk)
    if not kept.size:
        return float("inf")
    # Just above the first that is not accepted.
    return float(np.nextafter(confidence[kept[-1] + 1], np.inf)) if kept[-1] + 1 < len(order) else 0.0


def _is_within(num_alarms: int, num_others: int, num_calibrating: int, rate: float) -> bool:
    """Whether the number of false alarms is one of the middle 95 % of a beta-binomial distribution."""
    rank = np.ceil((1.0 - rate) * (num_calibrating + 1) - 1e-9)
    if rank > num_calibrating:
        return num_alarms == 0
    low, high = stats.betabinom.interval(0.95, num_others, num_calibrating + 1 - rank, rank)
    return bool(low <= num_alarms <= high)
