"""What a smaller grid can say, and what the intervals do not hold."""

import math

from tfp_insects.compare.comparison import Comparison
from tfp_insects.compare.folds import folds_sentence
from tfp_insects.models.method_table import label_of
from tfp_insects.report.tempering import divided_sentences, tempered_sentences
from tfp_insects.report.wording import enumerate_words, images_a_class, interval_words, number, percent
from tfp_insects.runs.guessing import guessing_nll, is_no_better_than_guessing
from tfp_insects.runs.run_set import RunSet

NUM_NAMED = 8  # runs that a caveat names


def no_twins_sentence(study: RunSet) -> str:
    """Why nothing is compared."""
    names = enumerate_words([label_of(model) for model in study.models])
    return (
        f"The records hold {names}. The study compares CNN and BNN with the same number of images and the same seed; "
        f"no such pair is finished, so nothing is compared here."
    )


def single_sentence(comparison: Comparison, model: str, n_per_class: int) -> str:
    """How good one model is at one size."""
    accuracy, nll, ece = (comparison.figure(model, n_per_class, name) for name in ("accuracy", "nll", "ece"))
    return (
        f"With {images_a_class(n_per_class)} the {label_of(model)} is right on "
        f"{percent(accuracy.interval.estimate)} of the test images (95 % interval "
        f"{interval_words(accuracy.interval.low, accuracy.interval.high, 100.0, 1)}); its NLL is "
        f"{number(nll.interval.estimate, 3)} nats ({interval_words(nll.interval.low, nll.interval.high, 1.0, 3)}), "
        f"its ECE {number(100 * ece.interval.estimate, 1)} points "
        f"({interval_words(ece.interval.low, ece.interval.high, 100.0, 1)})."
    )


def caveats(study: RunSet) -> list[str]:
    """What the intervals hold, and what they do not."""
    num_seeds, num_folds = len(study.seeds), study.num_folds
    if num_seeds == 1 and num_folds:
        found = [
            f"Each method was trained {num_folds} times a size, once a fold, with one seed. The intervals do not say how the "
            "figures would change with another start."
        ]
    elif num_seeds == 1:
        found = [
            "Each method was run once a size, with one seed. The intervals are over test images alone: they do not say how "
            "the figures would change with other training images or another start."
        ]
    else:
        narrow = 100.0 * (1.0 - math.sqrt((num_seeds - 1) / num_seeds))
        found = [
            f"Figures are means over up to {num_seeds} seeds; intervals are over seeds and test images together "
            f"(hierarchical bootstrap). With {num_seeds} seeds the part between seeds may be up to "
            f"{number(narrow, 0)} % too narrow."
        ]
    if study.pair is not None and len(study.paired_sizes(study.pair)) > 1:
        found.append(
            "Intervals are not widened for the number of comparisons: of twenty differences that do not exist, one "
            "is expected to look like one."
        )
    if num_folds:
        found.insert(0, folds_sentence(num_folds))
    return [*found, *tempered_sentences(study), *divided_sentences(study), *_useless_runs(study)]


def _useless_runs(study: RunSet) -> list[str]:
    useless = [run.directory.name for run in study.runs if is_no_better_than_guessing(run.record)]
    if not useless:
        return []
    num_classes, more = len(study.class_names), len(useless) - NUM_NAMED
    named = enumerate_words([*useless[:NUM_NAMED], *([f"{more} more"] if more > 0 else [])])
    return [
        f"No better than guessing: {named}. The NLL of the validation images, which chose the epoch, is not below that of "
        f"giving each class the same probability (ln {num_classes} = {number(guessing_nll(num_classes), 3)} nats). Another "
        "learning rate, or more epochs, may help."
    ]
