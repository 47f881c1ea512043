"""Which classes are hard, and which are taken for which."""

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
from tfp_insects.report.palette import HEAT, INK, PAPER, model_mark
from tfp_insects.report.pictures import Key, Panel, Picture, share_axis
from tfp_insects.report.wording import images_a_class
from tfp_insects.runs.run_set import Run, Study, pooled

MAX_CLASSES_WITH_NUMBERS = 16
MAX_OPACITY = 0.75  # Numbers stay legible on the darkest cell.


def confusion_picture(study: Study) -> Picture:
    """Share of each true class taken for each class, one panel a model, at each model's largest size."""
    panels, rows = [], []
    names = study.class_names
    side = max(340.0, 90.0 + 17.0 * len(names))
    for model in study.models:
        size = study.sizes_of(model)[-1]
        shares = _confusion_shares(study.select(model, size), len(names))
        title = f"{label_of(model)}, {images_a_class(size)}"
        draw = partial(_draw_confusion, shares=shares, names=names)
        panels.append(Panel(title, draw, f"Confusion matrix: {title}.", width=side, height=side - 15.0))
        rows += _confusion_rows(model, size, shares, names)
    return Picture(
        "confusion",
        "Which class is taken for which",
        "Rows are true classes, columns predicted ones; each row sums to 100 %. A dark diagonal is good; dark cells "
        "beside it are the pairs that are mixed up. Numbers in %, those below 0.5 left out.",
        panels,
        [],
        rows,
    )


def class_picture(study: Study) -> Picture:
    """Accuracy of each class at the largest size, models beside each other, hardest class first."""
    size = study.sizes[-1]
    models = [model for model in study.models if study.select(model, size)]
    accuracies = {model: _class_accuracies(study.select(model, size)) for model in models}
    num_images = np.bincount(study.first.labels, minlength=len(study.class_names))
    order = np.argsort(np.mean([accuracies[model] for model in models], axis=0), kind="stable")[::-1]
    panel = Panel(
        images_a_class(size).capitalize(),
        partial(_draw_classes, accuracies=accuracies, num_images=num_images, names=study.class_names, order=order),
        "Accuracy of each class, one mark a model, with 95 % intervals.",
        height=90.0 + len(study.class_names) * max(20.0, 10.0 * len(models)),
        width=420.0,
    )
    return Picture(
        "accuracy_by_class",
        "Accuracy of each class",
        "The hardest class stands at the top. Bars: 95 % intervals over the class's test images (Wilson). There "
        "are few such images, so bars are wide.",
        [panel],
        [Key(label_of(model), model_mark(model).colour, "", model_mark(model).marker) for model in models],
        [
            {"model": model, "n_per_class": size, "class": name, "accuracy": float(accuracies[model][i]),
             "num_images": int(num_images[i])}
            for model in models for i, name in enumerate(study.class_names)
        ],
    )  # fmt: skip


def _draw_confusion(axes: Axes, shares: np.ndarray, names: Sequence[str]) -> None:
    num = len(names)
    cells = [Rectangle((column, row), 1, 1) for row in range(num) for column in range(num)]
    red, green, blue = to_rgb(HEAT)
    colours = [(red, green, blue, MAX_OPACITY * share) for share in shares.ravel()]
    axes.add_collection(PatchCollection(cells, facecolors=colours, edgecolors="none"))
    if num <= MAX_CLASSES_WITH_NUMBERS:
        _write_shares(axes, shares)
    centres = np.arange(num) + 0.5
    axes.set_xticks(centres, names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(centres, names)
    axes.set(xlim=(0, num), ylim=(num, 0), aspect="equal", xlabel="Predicted class", ylabel="True class")
    axes.grid(False)
    axes.tick_params(length=0)


def _write_shares(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axes.text(column + 0.5, row + 0.52, f"{100 * share:.0f}", ha="center", va="center", fontsize=8.5, color=INK)


def _draw_classes(
    axes: Axes, accuracies: dict[str, np.ndarray], num_images: np.ndarray, names: Sequence[str], order: np.ndarray
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
    axes.set_yticks(np.arange(len(order)), [names[i] for i in order])
    share_axis(axes.xaxis, "Accuracy")
    axes.set_xlim(0.0, 1.0)
    axes.grid(axis="y", visible=False)


def _class_accuracies(runs: Sequence[Run]) -> np.ndarray:
    """Mean over seeds of each class's accuracy, float64 `[num_classes]`; 0 for a class without test images."""
    return np.nan_to_num(per_class_accuracy(*pooled(list(runs))))


def _confusion_shares(runs: Sequence[Run], num_classes: int) -> np.ndarray:
    """Share of each true class (row) predicted as each class, all seeds pooled, float64 `[num_classes, num_classes]`."""
    averaged, labels = pooled(list(runs))
    counts = confusion_matrix(labels, averaged.argmax(axis=-1), num_classes)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _confusion_rows(model: str, size: int, shares: np.ndarray, names: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "model": model,
            "n_per_class": size,
            "true_class": names[row],
            "predicted_class": names[column],
            "share": share,
        }
        for (row, column), share in np.ndenumerate(shares)
    ]
