"""What the Bayesian twin is expected to reach, and whether it does."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tfp_insects.runs.run_set import REFERENCE

Figures = Mapping[str, Any]

MAX_ACCURACY_LOSS = 0.005
MIN_CLEAR_SIZES = 3
MIN_WINS_OF = (4, 5)  # Sizes.
MIN_AUROC_GAIN = 0.02
MAX_TIME_RATIO = 2.0
BASELINES = ("cnn_temperature", "cnn_l2sp", "mc_dropout", "laplace")
# Names of the table of metrics that are judged.
ACCURACY = "accuracy"
LOWER = ("nll", "brier")
NOT_HIGHER = ("ece", "aurc")
AGAINST_BASELINES = "nll"
AUROC = "auroc_predictive_entropy"
TIME = "seconds_to_best_epoch"


class Criterion(NamedTuple):
    """One expectation.

    Attributes:
        text: In words.
        is_reached: Whether the figures meet it.
        shortfalls: Where they do not.
    """

    text: str
    is_reached: bool
    shortfalls: list[str]


def judge(figures: Figures) -> list[Criterion]:
    """Compares the figures of `plain_figures` with what is expected; what was not run is not judged."""
    found = []
    twin = figures["challenger"]
    twins = figures["differences"].get(f"{twin} - {REFERENCE}", {})
    if twins:
        found += [_accuracy(twins), *(_score(twins, name) for name in LOWER)]
        found += [_not_higher(twins, name) for name in NOT_HIGHER]
    for baseline in BASELINES:
        differences = figures["differences"].get(f"{twin} - {baseline}", {})
        if differences:
            found.append(_beats(differences, baseline))
    over_sizes = figures["differences_over_sizes"].get(f"{twin} - {REFERENCE}", {})
    if AUROC in over_sizes:
        found.append(_ood(over_sizes[AUROC]))
    ratios = {size: one[TIME] for size, one in figures["time_ratios"].items() if TIME in one}
    if ratios:
        found.append(_time(ratios))
    return found


def _accuracy(twins: Figures) -> Criterion:
    wrong = [
        _place(size, one[ACCURACY])
        for size, one in twins.items()
        if one[ACCURACY]["high"] < 0.0 or one[ACCURACY]["estimate"] < -MAX_ACCURACY_LOSS
    ]
    return Criterion(f"accuracy at least the CNN's (mean difference at least {-MAX_ACCURACY_LOSS})", not wrong, wrong)


def _score(twins: Figures, name: str) -> Criterion:
    wrong = [_place(size, one[name]) for size, one in twins.items() if one[name]["estimate"] >= 0.0]
    clear = sum(one[name]["high"] < 0.0 for one in twins.values())
    needed = min(MIN_CLEAR_SIZES, len(twins))
    if clear < needed:
        wrong.append(f"the interval excludes 0 at {clear} sizes")
    text = f"{name} lower than the CNN's at every size, clearly at {needed} or more"
    return Criterion(text, not wrong, wrong)


def _not_higher(twins: Figures, name: str) -> Criterion:
    wrong = [_place(size, one[name]) for size, one in twins.items() if one[name]["low"] > 0.0]
    return Criterion(f"{name} not higher than the CNN's beyond its interval", not wrong, wrong)


def _beats(differences: Figures, baseline: str) -> Criterion:
    name = AGAINST_BASELINES
    wrong = [_place(size, one[name]) for size, one in differences.items() if one[name]["estimate"] > 0.0]
    wins, of = MIN_WINS_OF
    allowed = (of - wins) * len(differences) // of
    text = f"{name} at most that of {baseline} at {len(differences) - allowed} of {len(differences)} sizes"
    return Criterion(text, len(wrong) <= allowed, wrong)


def _ood(difference: Figures) -> Criterion:
    is_reached = difference["estimate"] >= MIN_AUROC_GAIN and difference["low"] > 0.0
    text = f"out-of-distribution AUROC above the CNN's by {MIN_AUROC_GAIN} or more over all sizes, interval above 0"
    return Criterion(text, is_reached, [] if is_reached else [_place("all", difference)])


def _time(ratios: Mapping[str, float]) -> Criterion:
    wrong = [f"n={size}: {ratio:.2f}" for size, ratio in ratios.items() if ratio > MAX_TIME_RATIO]
    text = f"training time to the best epoch at most {MAX_TIME_RATIO:g} times the CNN's"
    return Criterion(text, not wrong, wrong)


def _place(size: str, interval: Figures) -> str:
    return f"n={size}: {interval['estimate']:+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})"
