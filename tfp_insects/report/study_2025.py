"""The student study that this project rebuilds (École d'Automne DataSciences 2025): its figures, and why ours differ."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfp_insects.compare.comparison import Comparison
from tfp_insects.report.wording import interval_words, percent
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

# Test accuracy by images a class, as the study gives it.
ACCURACY = {
    5: ("43.75 %", "at most 16 %"),
    10: ("43.75 %", "at most 16 %"),
    50: ("66.88 %", "at most 16 %"),
    100: ("74.38 %", "about 16 %"),
    500: ("87.31 %", "about 38 %"),
}
REASONS = (
    "Its test set was part of each subset: 20 % of it, so 16 images at 5 a class, where one image is 6 points. Ours "
    "is cut off first, the same for all sizes and models, and no training image is in it.",
    "Its split was not seeded, and images of one animal, taken moments apart, could fall on both sides. Ours is "
    "stored with each run, and keeps capture days together where the file names tell them.",
    "Its means and standard deviations were computed over training and test images together. Ours never see a test "
    "image.",
)
ALIKE = (
    "As in the study, the BNN starts from scratch under a prior N(0, 0.1²) for every weight, while the CNN keeps its "
    "pretrained convolutions."
)

# What makes a run the study's, of the section `bnn`.
_PART = {"prior": {"kind": "normal", "scale": 0.1}, "posterior_ratio": 0.067, "learn_scale": True}
CHOICES: Mapping[str, Any] = {
    "use_pretrained": False,
    "layers": "all",
    "kl_weight": 5e-4,
    "kl_annealing_epochs": 50.0,
    "hidden_from_scratch": _PART,
    "features": _PART,
    "head": _PART,
}


class Row(NamedTuple):
    """Accuracies at one number of images a class, as text; empty where there is none."""

    n_per_class: int
    their_cnn: str
    their_bnn: str
    our_cnn: str
    our_bnn: str


@dataclasses.dataclass(frozen=True)
class Beside:
    """The study's figures and ours.

    Attributes:
        rows: A row for each size that either has.
        test_sets: What the two test sets are.
        reasons: Why the figures differ.
    """

    rows: Sequence[Row]
    test_sets: str
    reasons: Sequence[str] = REASONS


def study_beside(study: RunSet, comparison: Comparison) -> Beside | None:
    """The study's figures beside those of runs in its own configuration, `configs/study_2025.py`; None of any others."""
    twins = [run for run in study.runs if run.model == study.twin]
    if not twins or not all(map(is_as_in_2025, twins)):
        return None
    rows = []
    for size in sorted(ACCURACY.keys() | set(study.sizes)):
        theirs = ACCURACY.get(size, ("", ""))
        rows.append(Row(size, *theirs, *(_ours(comparison, model, size) for model in ("cnn", study.twin or ""))))
    return Beside(rows, describe_test_sets(study))


def is_as_in_2025(run: Run) -> bool:
    """Whether a twin was trained as the study's: from scratch, under N(0, 0.1²) in all layers, with its weight of the KL."""
    section = run.config.get("config", {}).get("bnn", {})
    return all(_same(section.get(name), value) for name, value in CHOICES.items())


def _same(found: Any, expected: Any) -> bool:
    """Whether a setting is the expected one; of a section, in the fields that are expected."""
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(_same(found.get(name), value) for name, value in expected.items())
    return found == expected


def describe_test_sets(study: RunSet) -> str:
    """What the two test sets are."""
    record = study.first.record
    kind = "drawn insects" if study.is_drawn else record["data"]
    return (
        f"Theirs: Insect Detect classification v2, the 16 classes with 500 images or more, so chance is 6.25 %. "
        f"Ours: {kind}, {len(study.class_names)} classes, {record['num_test_examples']} test images, so chance is "
        f"{percent(1.0 / len(study.class_names), 2)}. {ALIKE}"
    )


def _ours(comparison: Comparison, model: str, size: int) -> str:
    if not comparison.seeds(model, size):
        return ""
    interval = comparison.figure(model, size, "accuracy").interval
    return f"{percent(interval.estimate)} ({interval_words(interval.low, interval.high, 100.0, 1)})"
