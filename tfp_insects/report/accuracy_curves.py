"""The study's picture: accuracy against epochs, one colour a subset size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfp_insects.files import written_whole
from tfp_insects.report.lettering import letter
from tfp_insects.runs.layout import HISTORY_NAME
from tfp_insects.runs.run_key import RunKey
from tfp_insects.training.history import read_history

MAX_CHARACTERS = 40  # Of the data's name.
# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")


def plot_accuracy_curves(records: Sequence[dict[str, Any]], workdir: Path) -> list[Path]:
    """Draws a picture for each model: train dashed, validation solid, a marker for the test accuracy at the chosen epoch.

    Of several seeds the smallest is drawn.

    Returns:
        The pictures' paths, `<workdir>/accuracy-<model>.png`.
    """
    paths = []
    for model in dict.fromkeys(record["model"] for record in records):
        chosen = [record for record in records if record["model"] == model]
        seed = min(record["seed"] for record in chosen)
        path = workdir / f"accuracy-{model}.png"
        _plot_model([record for record in chosen if record["seed"] == seed], workdir, path)
        paths.append(path)
    return paths


def _plot_model(records: Sequence[dict[str, Any]], workdir: Path, path: Path) -> None:
    with matplotlib.rc_context({"text.parse_math": False}):  # Names of data may hold dollar signs.
        figure = _draw_model(records, workdir)
        with written_whole(path) as temporary:
            figure.savefig(temporary, dpi=150, format="png")


def _draw_model(records: Sequence[dict[str, Any]], workdir: Path) -> Figure:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for i, record in enumerate(records):
        _plot_record(axes, record, workdir, COLOURS[i % len(COLOURS)])
    first = records[0]
    lettering = letter([first["data"]], [0], MAX_CHARACTERS)
    data = "drawn insects" if first["drawn"] else "the images given" if lettering.undrawn else lettering.labels[0]
    title = f"{first['model'].upper()} on {data}: train dashed, validation solid, test ●"
    axes.set_title(title, family=lettering.fonts)
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Accuracy")
    axes.set_ylim(0.0, 1.0)
    axes.axhline(1.0 / first["num_classes"], color="grey", linewidth=0.8, linestyle=":")
    axes.text(1, 1.0 / first["num_classes"] + 0.01, "chance", color="grey", fontsize="small")
    axes.grid(alpha=0.3)
    axes.legend(title="Images a class", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _plot_record(axes: Axes, record: dict[str, Any], workdir: Path, colour: str) -> None:
    key = RunKey(record["model"], record["n_per_class"], record["seed"])
    rows = read_history(key.directory(workdir) / HISTORY_NAME)
    epochs = [row.epoch for row in rows]
    axes.plot(epochs, [row.train_accuracy for row in rows], "--", color=colour, linewidth=1.0)
    axes.plot(epochs, [row.validation_accuracy for row in rows], color=colour, label=str(record["n_per_class"]))
    axes.plot(record["best_epoch"], record["accuracy"], "o", color=colour, markeredgecolor="black", markersize=8)
