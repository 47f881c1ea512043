"""Pictures of the two questions: accuracy against epochs, quality against images a class and against training time."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from tfp_insects.compare.comparison import Comparison
from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.metrics.metric import Metric
from tfp_insects.metrics.metric_table import labelled_metrics
from tfp_insects.models.method import Line
from tfp_insects.models.method_table import label_of
from tfp_insects.report.figure_files import figure_rows
from tfp_insects.report.log_axis import seconds_axis
from tfp_insects.report.palette import INK, MUTED, PAPER, model_mark, size_colours
from tfp_insects.report.pictures import Key, Panel, Picture, share_axis
from tfp_insects.report.wording import enumerate_words, images_a_class
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

# Where a label may stand beside its point, and the room it needs, in points.
LABEL_PLACES = ((5.0, 5.0), (5.0, -12.0), (-19.0, 5.0), (-19.0, -12.0))
LABEL_WIDTH, LABEL_HEIGHT = 24.0, 14.0
DODGE = 1.035  # Models stand side by side at a size, so that their intervals do not hide each other.


def curves_picture(study: RunSet) -> Picture | None:
    """Accuracy against epochs, one panel a model, one colour a size; None without any run's epochs."""
    trained = {
        model: chosen
        for model in study.models
        if (chosen := [run for size in study.sizes_of(model) if (run := study.select(model, size)[0]).history])
    }
    if not trained:
        return None
    colours = size_colours(study.sizes)
    panels = [
        Panel(
            label_of(model),
            partial(_draw_curves, runs=runs, colours=colours),
            f"Accuracy of the {label_of(model)} against epochs for {len(runs)} numbers of images a class.",
        )
        for model, runs in trained.items()
    ]
    seeds = " Of several seeds the smallest is drawn." if len(study.seeds) > 1 else ""
    folds = (
        f" Curves are means over {study.num_folds} folds, each of which chose its own epoch." if study.num_folds else ""
    )
    return Picture(
        "accuracy_by_epoch",
        "Accuracy against epochs",
        "How each twin learns. Dashed: training images, with the noise of training (dropout, drawn weights, "
        "augmentation), so a dashed line may lie below its solid one. Solid: validation images. Mark: test images, "
        f"at the epoch that validation chose. Dotted: chance.{seeds}{folds}",
        panels,
        [
            *(Key(f"{size} images a class", colour) for size, colour in colours.items()),
            Key("training", INK, "--"),
            Key("validation", INK),
            Key("test", INK, "", "o"),
        ],
        [
            {"model": model, "n_per_class": run.n_per_class, "seed": run.seed, "epoch": row.epoch,
             "train_accuracy": row.train_accuracy, "validation_accuracy": row.validation_accuracy}
            for model, runs in trained.items() for run in runs for row in run.history
        ],
    )  # fmt: skip


def sizes_picture(study: RunSet, comparison: Comparison) -> Picture:
    """Accuracy, NLL and ECE against images a class, with intervals."""
    panels = [
        Panel(
            metric.title,
            partial(_draw_by_size, study=study, comparison=comparison, metric=metric),
            f"{metric.title} against images a class, one line a model, with 95 % intervals.",
        )
        for metric in _shown_metrics()
    ]
    return Picture(
        "quality_by_images",
        "Quality against images a class",
        f"The first question, and how each twin uses data. {better_words(_shown_metrics())} "
        f"Bars: 95 % intervals over {_resampled(study)}. Models stand a little apart so that their bars can be seen. "
        "Overlapping bars do not mean that twins are equal: both saw the same test images, and the paired "
        "differences above are sharper.",
        panels,
        _model_keys(study.models),
        figure_rows(comparison),
    )


def seconds_picture(study: RunSet, comparison: Comparison) -> Picture | None:
    """The same metrics against training time, and validation accuracy within one run of each model.

    With one size alone there is nothing to trade, and only the last is drawn; None without any run's epochs then.
    """
    panels = [
        Panel(
            metric.title,
            partial(_draw_by_seconds, study=study, comparison=comparison, metric=metric),
            f"{metric.title} against the time to the chosen epoch, one line a model, one mark a size.",
        )
        for metric in (_shown_metrics() if len(study.sizes) > 1 else ())
    ]
    within = _runs_of_one_size(study)
    if within:
        panels.append(
            Panel(
                f"Within one run: {images_a_class(within[0].n_per_class)}",
                partial(_draw_within_run, runs=within),
                "Validation accuracy against seconds of training, one line a model.",
            )
        )
    if not panels:
        return None
    last = " The last panel follows one run of each model as it trains." if within else ""
    caption = (
        "The second question. Each mark is one number of images a class (written beside it where there is room), placed at "
        "the training time to the epoch that validation chose. A model further left reaches the same height sooner."
        f"{last}"
    )
    return Picture(
        "quality_by_seconds",
        "Quality against training time",
        caption
        if len(study.sizes) > 1
        else "One run of each model as it trains. Mark: the epoch that validation chose.",
        panels,
        _model_keys(study.models),
        _seconds_rows(study),
    )


def better_words(metrics: Sequence[Metric]) -> str:
    """For which metrics high is good and for which low: `Higher is better for accuracy, lower for NLL`, and so on."""
    high, low = ([one.label for one in metrics if one.better == better] for better in ("high", "low"))
    parts = [
        f"{word} for {enumerate_words(names)}" for word, names in (("higher is better", high), ("lower", low)) if names
    ]
    text = ", ".join(parts) if high else f"lower is better for {enumerate_words(low)}"
    return f"{text[0].upper()}{text[1:]}."


def _shown_metrics() -> list[Metric]:
    return [metric for metric in labelled_metrics() if metric.shown == "pictures"]


def _runs_of_one_size(study: RunSet) -> list[Run]:
    """One run of each model whose epochs are known, at the largest size that all these have; empty where there is none."""
    trained = RunSet(study.workdir, [run for run in study.runs if run.history])
    sizes = [size for size in trained.sizes if all(trained.select(model, size) for model in trained.models)]
    return [trained.select(model, sizes[-1])[0] for model in trained.models] if sizes else []


def _seconds_rows(study: RunSet) -> list[dict[str, object]]:
    metrics = [metric.name for metric in _shown_metrics()]
    fields = (*metrics, "train_seconds", "seconds_to_best_epoch", "seconds_per_step")
    return [
        {"model": run.model, "n_per_class": run.n_per_class, "seed": run.seed}
        | {name: run.record[name] for name in fields}
        for run in study.runs
    ]


def _draw_curves(axes: Axes, runs: Sequence[Run], colours: dict[int, str]) -> None:
    for run in runs:
        colour = colours[run.n_per_class]
        epochs = [row.epoch for row in run.history]
        axes.plot(epochs, [row.train_accuracy for row in run.history], "--", color=colour, linewidth=1.0)
        axes.plot(epochs, [row.validation_accuracy for row in run.history], color=colour, linewidth=1.8)
    for run in runs:  # Marks above all lines.
        best, accuracy, colour = run.record["best_epoch"], run.record["accuracy"], colours[run.n_per_class]
        axes.plot(best, accuracy, "o", zorder=3, color=colour, markeredgecolor=PAPER, markersize=8)
    _chance(axes, runs[0])
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    share_axis(axes.yaxis, "Accuracy")
    axes.set_ylim(0.0, 1.0)


def _draw_by_size(axes: Axes, study: RunSet, comparison: Comparison, metric: Metric) -> None:
    for i, model in enumerate(study.models):
        shift = DODGE ** (i - (len(study.models) - 1) / 2)
        sizes = study.sizes_of(model)
        _draw_figures(axes, model, comparison, metric, {size: size * shift for size in sizes})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(study.sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: str(round(value))))
    low, high = study.sizes[0], study.sizes[-1]
    axes.set_xlim(low / 1.25, high * 1.25)
    axes.set_xlabel("Training images a class")
    _metric_axis(axes, metric, study)


def _draw_by_seconds(axes: Axes, study: RunSet, comparison: Comparison, metric: Metric) -> None:
    labels = []
    for model in study.models:
        places = {size: _mean_seconds(study.select(model, size)) for size in study.sizes_of(model)}
        _draw_figures(axes, model, comparison, metric, places)
        for size, seconds in places.items():
            labels.append((seconds, _centre(comparison.figure(model, size, metric.name).interval, metric), str(size)))
    seconds_axis(axes, "Training time to the chosen epoch (s)")
    _metric_axis(axes, metric, study)
    _write_labels(axes, labels)


def _write_labels(axes: Axes, labels: Sequence[tuple[float, float, str]]) -> None:
    """Writes each label beside its point `(x, y, label)`, in the first place that no other label takes; else nowhere."""
    axes.get_xlim()  # Matplotlib finds the limits when it is asked for them.
    axes.get_ylim()
    points_per_pixel = 72.0 / axes.figure.dpi
    taken: list[tuple[float, float]] = []
    for x, y, label in labels:
        left, low = axes.transData.transform((x, y)) * points_per_pixel
        for right, up in LABEL_PLACES:
            place = (left + right, low + up)
            if all(abs(place[0] - a) > LABEL_WIDTH or abs(place[1] - b) > LABEL_HEIGHT for a, b in taken):
                taken.append(place)
                axes.annotate(label, (x, y), (right, up), textcoords="offset points", fontsize=9, color=MUTED)
                break


def _draw_figures(axes: Axes, model: str, comparison: Comparison, metric: Metric, places: dict[int, float]) -> None:
    """Marks with bars at the given places of a model's sizes, joined by a line."""
    mark = model_mark(model)
    intervals = [comparison.figure(model, size, metric.name).interval for size in places]
    x = list(places.values())
    axes.vlines(x, [one.low for one in intervals], [one.high for one in intervals], color=mark.colour, linewidth=1.6)
    axes.plot(
        x, [_centre(one, metric) for one in intervals], mark.line, marker=mark.marker, color=mark.colour, linewidth=1.4,
        markersize=7.5, markeredgecolor=PAPER, markeredgewidth=0.6,
    )  # fmt: skip


def _centre(interval: Interval, metric: Metric) -> float:
    """Where a mark stands: at the figure, or in the middle of an interval that is corrected for the figure's bias."""
    return interval.estimate if metric.interval_method == "percentile" else (interval.low + interval.high) / 2


def _draw_within_run(axes: Axes, runs: Sequence[Run]) -> None:
    for run in runs:
        mark = model_mark(run.model)
        seconds = np.cumsum([row.seconds for row in run.history])
        accuracies = [row.validation_accuracy for row in run.history]
        axes.plot(seconds, accuracies, mark.line, color=mark.colour, linewidth=1.6)
        best = run.record["best_epoch"] - 1
        axes.plot(seconds[best], accuracies[best], mark.marker, color=mark.colour, markeredgecolor=PAPER, markersize=8)
    _chance(axes, runs[0])
    seconds_axis(axes, "Training time (s)")
    share_axis(axes.yaxis, "Validation accuracy")


def _metric_axis(axes: Axes, metric: Metric, study: RunSet) -> None:
    if metric.scale == 100.0:
        share_axis(axes.yaxis, metric.title)
    else:
        axes.set_ylabel(f"{metric.title} ({metric.unit})" if metric.unit else metric.title)
    if metric.name == "accuracy":
        _chance(axes, study.first)
    low, high = axes.get_ylim()
    # NLLs lie far above the least that is possible, 0, which would take up most of the axis.
    axes.set_ylim(max(low, metric.minimum) if metric.scale == 100.0 else low, high + 0.06 * (high - low))


def _chance(axes: Axes, run: Run) -> None:
    axes.axhline(1.0 / len(run.record["class_names"]), color=MUTED, linewidth=0.9, linestyle=":")


def _model_keys(models: Sequence[str]) -> list[Key]:
    return [Key(label_of(model), *_key_parts(model)) for model in models]


def _key_parts(model: str) -> tuple[str, Line, str]:
    mark = model_mark(model)
    return mark.colour, mark.line, mark.marker


def _mean_seconds(runs: Sequence[Run]) -> float:
    return float(np.mean([run.record["seconds_to_best_epoch"] for run in runs]))


def _resampled(study: RunSet) -> str:
    return "seeds and test images" if len(study.seeds) > 1 else "test images (one seed)"
