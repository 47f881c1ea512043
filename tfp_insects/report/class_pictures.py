"""Which classes are hard, and which are taken for which; of many classes, those that matter most."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from tfp_insects.metrics.counts import confusion_matrix
from tfp_insects.metrics.proportions import wilson_interval
from tfp_insects.metrics.scores import per_class_accuracy
from tfp_insects.models.method_table import label_of
from tfp_insects.report.lettering import Lettering, letter
from tfp_insects.report.palette import HEAT, INK, PAPER, model_mark
from tfp_insects.report.pictures import Key, Panel, Picture, share_axis
from tfp_insects.report.wording import images_a_class
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet, pooled

MAX_CLASSES_OF_MATRIX = 24
MAX_CLASSES_WITH_NUMBERS = 16
MAX_PAIRS = 20
MAX_CLASSES_SHOWN = 30
MAX_CHARACTERS = 28
MAX_CHARACTERS_OF_MATRIX = 18  # Of a class, which is written at both sides.
MAX_CHARACTERS_OF_PAIR = 20  # Of each name.
POINTS_OF_CHARACTER = 6.0  # Of a label.
MAX_OPACITY = 0.75  # Numbers stay legible on the darkest cell.
MATRIX_CAPTION = (
    "Rows are true classes, columns predicted ones; each row sums to 100 %. A dark diagonal is good; dark cells "
    "beside it are the pairs that are mixed up. Numbers in %, those below 0.5 left out."
)


def confusion_picture(study: RunSet) -> Picture:
    """Which class is taken for which, one panel a model, at each model's largest size: all, or the most frequent pairs."""
    names = study.class_names
    found = {model: _confusion(study.select(model, study.sizes_of(model)[-1]), len(names)) for model in study.models}
    if len(names) <= MAX_CLASSES_OF_MATRIX:
        lettering = letter(names, range(len(names)), MAX_CHARACTERS_OF_MATRIX)
        is_shortened = any(len(name) > MAX_CHARACTERS_OF_MATRIX for name in names)
        caption = MATRIX_CAPTION + (" Long names are cut; the CSV file has them whole." if is_shortened else "")
    else:
        pairs = [place for counts in found.values() for pair in _frequent_pairs(counts) for place in pair]
        lettering = letter(names, dict.fromkeys(pairs), MAX_CHARACTERS_OF_PAIR)
        caption = (
            f"Of {len(names)} classes, the {MAX_PAIRS} pairs with most images mixed up, true class first. Bars: share of "
            "the true class's test images. All pairs that occur are in the CSV file."
        )
    panels, rows = [], []
    for model, counts in found.items():
        size = study.sizes_of(model)[-1]
        panels.append(_confusion_panel(f"{label_of(model)}, {images_a_class(size)}", counts, lettering))
        rows += _confusion_rows(model, size, counts, names)
    return Picture("confusion", "Which class is taken for which", caption + lettering.key, panels, [], rows)


def class_picture(study: RunSet) -> Picture:
    """Accuracy of each class at the largest size, or of the hardest ones, models beside each other, hardest first."""
    size, names = study.sizes[-1], study.class_names
    models = [model for model in study.models if study.select(model, size)]
    accuracies = {model: _class_accuracies(study.select(model, size)) for model in models}
    num_images = np.bincount(study.first.labels, minlength=len(names))
    factor = study.select(models[0], size)[0].variance_factor
    order = _hardest_last(np.mean(list(accuracies.values()), axis=0), num_images)[-MAX_CLASSES_SHOWN:]
    lettering = letter(names, order.tolist(), MAX_CHARACTERS)
    panel = Panel(
        images_a_class(size).capitalize(),
        partial(_draw_classes, accuracies=accuracies, num_images=num_images / factor, lettering=lettering, order=order),
        "Accuracy of each class, one mark a model, with 95 % intervals.",
        height=90.0 + len(order) * max(20.0, 10.0 * len(models)),
        width=420.0,
    )
    shown = ""
    if len(order) < len(names):
        shown = f" Shown are the {len(order)} hardest of {len(names)} classes; all are in the CSV file."
    return Picture(
        "accuracy_by_class",
        "Accuracy of each class",
        "The hardest class stands at the top. Bars: 95 % intervals over the class's test images (Wilson). There "
        f"are few such images, so bars are wide.{shown}{lettering.key}",
        [panel],
        [Key(label_of(model), model_mark(model).colour, "", model_mark(model).marker) for model in models],
        [
            {"model": model, "n_per_class": size, "class_number": i, "class": name,
             "accuracy": float(accuracies[model][i]), "num_images": int(num_images[i])}
            for model in models for i, name in enumerate(names)
        ],
    )  # fmt: skip


def _confusion_panel(title: str, counts: np.ndarray, lettering: Lettering) -> Panel:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if len(counts) <= MAX_CLASSES_OF_MATRIX:
        longest = max(len(label) for label in lettering.labels.values())
        side = max(340.0, 40.0 + POINTS_OF_CHARACTER * longest + 17.0 * len(counts))
        draw = partial(_draw_matrix, shares=shares, lettering=lettering)
        return Panel(title, draw, f"Confusion matrix: {title}.", width=side, height=side - 15.0)
    pairs = _frequent_pairs(counts)
    bars = partial(_draw_pairs, pairs=pairs, shares=[shares[pair] for pair in pairs], lettering=lettering)
    return Panel(title, bars, f"The pairs mixed up most: {title}.", width=500.0, height=400.0)


def _draw_matrix(axes: Axes, shares: np.ndarray, lettering: Lettering) -> None:
    num = len(shares)
    cells = [Rectangle((column, row), 1, 1) for row in range(num) for column in range(num)]
    red, green, blue = to_rgb(HEAT)
    colours = [(red, green, blue, MAX_OPACITY * share) for share in shares.ravel()]
    axes.add_collection(PatchCollection(cells, facecolors=colours, edgecolors="none"))
    if num <= MAX_CLASSES_WITH_NUMBERS:
        _write_shares(axes, shares)
    centres = np.arange(num) + 0.5
    labels = [lettering.labels[i] for i in range(num)]
    axes.set_xticks(centres, labels, rotation=60, ha="right", rotation_mode="anchor", family=lettering.fonts)
    axes.set_yticks(centres, labels, family=lettering.fonts)
    axes.set(xlim=(0, num), ylim=(num, 0), aspect="equal", xlabel="Predicted class", ylabel="True class")
    axes.grid(False)
    axes.tick_params(length=0)


def _write_shares(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axes.text(column + 0.5, row + 0.52, f"{100 * share:.0f}", ha="center", va="center", fontsize=8.5, color=INK)


def _draw_pairs(axes: Axes, pairs: Sequence[tuple[int, int]], shares: Sequence[float], lettering: Lettering) -> None:
    places = np.arange(len(pairs))[::-1]
    axes.barh(places, shares, 0.7, color=HEAT, alpha=MAX_OPACITY)
    labels = [f"{lettering.labels[true]} \N{RIGHTWARDS ARROW} {lettering.labels[other]}" for true, other in pairs]
    axes.set_yticks(places, labels, fontsize=8.5, family=lettering.fonts)
    share_axis(axes.xaxis, "Images of the true class")
    axes.set_xlim(left=0.0)
    axes.margins(y=0.01)
    axes.grid(axis="y", visible=False)
    if not pairs:
        axes.text(0.5, 0.5, "no image is taken for another class", transform=axes.transAxes, ha="center")


def _draw_classes(
    axes: Axes, accuracies: dict[str, np.ndarray], num_images: np.ndarray, lettering: Lettering, order: np.ndarray
) -> None:
    offsets = np.linspace(-0.25, 0.25, len(accuracies)) if len(accuracies) > 1 else [0.0]
    for offset, (model, values) in zip(offsets, accuracies.items(), strict=True):
        places = np.arange(len(order)) - offset
        low, high = wilson_interval(values[order], num_images[order])
        mark = model_mark(model)
        axes.hlines(places, low, high, color=mark.colour, linewidth=1.5)
        axes.plot(
            values[order],
            places,
            mark.marker,
            color=mark.colour,
            markeredgecolor=PAPER,
            markeredgewidth=0.6,
            markersize=7,
        )
    axes.set_yticks(np.arange(len(order)), [lettering.labels[i] for i in order], family=lettering.fonts)
    share_axis(axes.xaxis, "Accuracy")
    axes.set_xlim(0.0, 1.0)
    axes.grid(axis="y", visible=False)


def _hardest_last(accuracies: np.ndarray, num_images: np.ndarray) -> np.ndarray:
    """Classes that have test images, the one of lowest accuracy last."""
    order = np.argsort(accuracies, kind="stable")[::-1]
    return order[num_images[order] > 0]


def _class_accuracies(runs: Sequence[Run]) -> np.ndarray:
    """Mean over seeds of each class's accuracy, float64 `[num_classes]`; 0 for a class without test images."""
    return np.nan_to_num(per_class_accuracy(*pooled(list(runs))))


def _confusion(runs: Sequence[Run], num_classes: int) -> np.ndarray:
    """Images of each true class (row) predicted as each class, all seeds pooled, int64 `[num_classes, num_classes]`."""
    averaged, labels = pooled(list(runs))
    return confusion_matrix(labels, averaged.argmax(axis=-1), num_classes)


def _frequent_pairs(counts: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of different classes with most images, true class first."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MAX_PAIRS]
    return [(int(i) // len(counts), int(i) % len(counts)) for i in order if wrong.flat[i] > 0]


def _confusion_rows(model: str, size: int, counts: np.ndarray, names: Sequence[str]) -> list[dict[str, object]]:
    """All pairs that occur; the others, most of them where there are many classes, have a share of 0."""
    sizes = counts.sum(axis=1)
    return [
        {
            "model": model,
            "n_per_class": size,
            "true_class": names[row],
            "predicted_class": names[column],
            "share": counts[row, column] / sizes[row],
            "num_predictions": int(counts[row, column]),
        }
        for row, column in np.argwhere(counts)
    ]
