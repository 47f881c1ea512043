"""What counts as a win of the Bayesian twin, written down before the test is run, and whether it is reached.

Unless said otherwise a difference is the twin's minus the rival's on the same images, averaged over seeds and over the sizes
up to 100 images a class, with its 95 % interval. Larger sizes are reported, and decide nothing. "Not above" and "not below"
mean that the interval does not show the contrary.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tfp_insects.metrics import chosen_score
from tfp_insects.metrics.holm import holm_adjusted
from tfp_insects.runs.run_set import REFERENCE

Figures = Mapping[str, Any]

LARGEST_SIZE = 100
SINGLE_MODELS = (REFERENCE, "cnn_temperature", "cnn_l2sp", "mc_dropout", "mc_dropout_maps", "laplace", "swag")
ENSEMBLE = "ensemble"
LEVEL = 0.05  # Of all tests against single models together.
MAX_HALF_WIDTH = 0.008
MAX_ACCURACY_LOSS = 0.005
MIN_AUROC_GAIN = 0.03
COVERAGE, MAX_COVERAGE_ERROR = 0.90, 0.01
MAX_TRAINING_RATIO, MAX_RUN_RATIO, SIZE_OF_RUN_RATIO = 1.7, 1.6, "5"
# Names of the tables of metrics and times.
PRIMARY, ACCURACY, AUROC = "nll", "accuracy", chosen_score.METRIC.name
SET_SIZE, SET_COVERAGE = "thr_size_90", "thr_coverage_90"
TRAINING_TIME, RUN_TIME = "seconds_to_best_epoch", "run_seconds"


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
    twin = figures["challenger"]
    if twin is None:
        return []
    over_sizes = figures["differences_over_primary_sizes"]
    against = {name: over_sizes[f"{twin} - {name}"] for name in SINGLE_MODELS if over_sizes.get(f"{twin} - {name}")}
    ensemble = over_sizes.get(f"{twin} - {ENSEMBLE}", {})
    return [
        *_is_below(against),
        *_is_sure(against),
        *_for_all({ENSEMBLE: ensemble}, PRIMARY, "not above", lambda one: one["low"] <= 0.0),
        *_for_all(against, ACCURACY, f"at most {MAX_ACCURACY_LOSS} below", lambda one: one["estimate"] >= -MAX_ACCURACY_LOSS),
        *_gains(against),
        *_for_all(_others(against), AUROC, "not below", lambda one: one["high"] >= 0.0),
        *_covers(figures["models"][twin]),
        *_for_all(against, SET_SIZE, "not above", lambda one: one["low"] <= 0.0),
        *_is_fast(figures["time_ratios"]),
    ]  # fmt: skip


def _is_below(against: Mapping[str, Figures]) -> Iterator[Criterion]:
    p_values = holm_adjusted({name: one[PRIMARY]["p_value"] for name, one in against.items()})
    for name, p_value in p_values.items():
        difference = against[name][PRIMARY]
        is_reached = difference["estimate"] < 0.0 and p_value <= LEVEL
        text = f"{PRIMARY} below that of {name}, p at most {LEVEL} after Holm's correction"
        yield Criterion(text, is_reached, [] if is_reached else [f"{_place(name, difference)}, p={p_value:.3f}"])


def _is_sure(against: Mapping[str, Figures]) -> Iterator[Criterion]:
    if not against:
        return
    widths = {name: 0.5 * (one[PRIMARY]["high"] - one[PRIMARY]["low"]) for name, one in against.items()}
    wrong = [f"{name}: {width:.4f}" for name, width in widths.items() if width > MAX_HALF_WIDTH]
    yield Criterion(f"half-widths of these intervals at most {MAX_HALF_WIDTH}", not wrong, wrong)


def _gains(against: Mapping[str, Figures]) -> Iterator[Criterion]:
    difference = against.get(REFERENCE, {}).get(AUROC)
    if difference is not None:
        is_reached = difference["estimate"] >= MIN_AUROC_GAIN
        text = f"{AUROC} at least {MIN_AUROC_GAIN} above that of {REFERENCE}"
        yield Criterion(text, is_reached, [] if is_reached else [_place(REFERENCE, difference)])


def _others(against: Mapping[str, Figures]) -> dict[str, Figures]:
    return {name: one for name, one in against.items() if name != REFERENCE}


def _for_all(
    against: Mapping[str, Figures], metric: str, words: str, is_met: Callable[[Figures], bool]
) -> Iterator[Criterion]:
    """One expectation of a metric's differences to all rivals of which it is known."""
    known = {name: one[metric] for name, one in against.items() if metric in one}
    if known:
        wrong = [_place(name, one) for name, one in known.items() if not is_met(one)]
        yield Criterion(f"{metric} {words} that of {', '.join(known)}", not wrong, wrong)


def _covers(by_size: Mapping[str, Figures]) -> Iterator[Criterion]:
    found = [one[SET_COVERAGE]["estimate"] for size, one in by_size.items() if int(size) <= LARGEST_SIZE]
    if found:
        mean = sum(found) / len(found)
        is_reached = abs(mean - COVERAGE) <= MAX_COVERAGE_ERROR
        text = f"{SET_COVERAGE} within {MAX_COVERAGE_ERROR} of {COVERAGE} in the mean"
        yield Criterion(text, is_reached, [] if is_reached else [f"{mean:.4f}"])


def _is_fast(ratios: Mapping[str, Figures]) -> Iterator[Criterion]:
    of_training = {size: one[TRAINING_TIME] for size, one in ratios.items() if TRAINING_TIME in one}
    if of_training:
        wrong = [f"n={size}: {ratio:.2f}" for size, ratio in of_training.items() if ratio > MAX_TRAINING_RATIO]
        yield Criterion(f"{TRAINING_TIME} at most {MAX_TRAINING_RATIO:g} times that of {REFERENCE}", not wrong, wrong)
    of_run = ratios.get(SIZE_OF_RUN_RATIO, {}).get(RUN_TIME)
    if of_run is not None:
        is_reached = of_run <= MAX_RUN_RATIO
        text = f"{RUN_TIME} at most {MAX_RUN_RATIO:g} times that of {REFERENCE} at {SIZE_OF_RUN_RATIO} images a class"
        yield Criterion(text, is_reached, [] if is_reached else [f"{of_run:.2f}"])


def _place(name: str, interval: Figures) -> str:
    return f"{name}: {interval['estimate']:+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})"
