"""The student study that this project rebuilds (École d'Automne DataSciences 2025): its figures, and why ours differ."""

from typing import NamedTuple

from tfp_insects.compare.quality import Quality
from tfp_insects.report.wording import interval_words, percent
from tfp_insects.runs.run_set import Study

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
    "Its BNN was to start from pretrained weights, but these were copied into a model that was then thrown away: "
    "what was trained started from scratch, while its CNN kept its pretrained convolutions. Here both twins start "
    "from the same weights.",
    "The prior of its BNN, N(0, 0.1²) for every weight, knew nothing of the pretrained network. By default ours is "
    "centred on the pretrained weights where there are some.",
    "Its split was not seeded, and images of one animal, taken moments apart, could fall on both sides. Ours is "
    "stored with each run, and keeps capture days together where the file names tell them.",
    "Its means and standard deviations were computed over training and test images together. Ours never see a test "
    "image.",
)


class Row(NamedTuple):
    """Accuracies at one number of images a class, as text; empty where there is none."""

    n_per_class: int
    their_cnn: str
    their_bnn: str
    our_cnn: str
    our_bnn: str


def comparison_rows(study: Study, quality: Quality) -> list[Row]:
    """The study's figures and ours, a row for each size that either has."""
    rows = []
    for size in sorted(ACCURACY.keys() | set(study.sizes)):
        theirs = ACCURACY.get(size, ("", ""))
        rows.append(Row(size, *theirs, _ours(quality, "cnn", size), _ours(quality, study.twin or "bnn", size)))
    return rows


def describe_test_sets(study: Study) -> str:
    """What the two test sets are."""
    record = study.first.record
    kind = "drawn insects" if study.is_drawn else record["data"]
    return (
        f"Theirs: Insect Detect classification v2, the 16 classes with 500 images or more, so chance is 6.25 %. "
        f"Ours: {kind}, {len(study.class_names)} classes, {record['num_test_examples']} test images, so chance is "
        f"{percent(1.0 / len(study.class_names), 2)}."
    )


def _ours(quality: Quality, model: str, size: int) -> str:
    figure = quality.figures.get((model, size, "accuracy"))
    if figure is None:
        return ""
    interval = figure.interval
    return f"{percent(interval.estimate)} ({interval_words(interval.low, interval.high, 100.0, 1)})"
