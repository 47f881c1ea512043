"""Can the models' confidence be trusted? Reliability diagrams, risk-coverage curves, and images of no known class."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from tfp_insects.compare.answers import Entropies
from tfp_insects.metrics.calibration import ReliabilityBins, reliability_bins
from tfp_insects.metrics.proportions import wilson_interval
from tfp_insects.metrics.scores import example_correct
from tfp_insects.metrics.selective import risk_coverage_curve
from tfp_insects.models.method_table import label_of
from tfp_insects.report.palette import BLUE, MUTED, VERMILLION, model_mark
from tfp_insects.report.pictures import Key, Panel, Picture, share_axis
from tfp_insects.report.wording import images_a_class
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet, pooled
from tfp_insects.text import readable

NUM_BINS = 10
NUM_EDGES = 31  # Of histograms.
MAX_POINTS = 400  # Of a line; more would change no pixel.


def reliability_picture(study: RunSet) -> Picture:
    """Accuracy against confidence, one panel for each model at the smallest and the largest size."""
    panels, rows = [], []
    for size in end_sizes(study):
        for model in study.models:
            runs = study.select(model, size)
            if runs:
                bins = reliability_bins(*pooled(runs), num_bins=NUM_BINS)
                title = f"{label_of(model)}, {images_a_class(size)}"
                times = len(runs) * runs[0].variance_factor
                draw = partial(_draw_reliability, bins=bins, colour=model_mark(model).colour, times=times)
                panels.append(Panel(title, draw, f"Reliability diagram: {title}."))
                rows += _bin_rows(model, size, bins)
    return Picture(
        "reliability",
        "Reliability: is a confidence of 80 % right 8 times in 10?",
        "Marks on the dotted diagonal are honest confidences; below it the model is too sure, above it not sure "
        "enough. Bars: 95 % intervals of the accuracy in a bin (Wilson). Grey: share of images in the bin. Empty "
        "bins have no mark." + _pooled_words(study),
        panels,
        [],
        rows,
    )


def risk_coverage_picture(study: RunSet) -> Picture:
    """Error rate among the images answered against their share, one panel a size, one line a model."""
    panels, rows = [], []
    for size in end_sizes(study):
        curves = {
            model: _risk_coverage(study.select(model, size)) for model in study.models if study.select(model, size)
        }
        title = images_a_class(size).capitalize()
        panels.append(Panel(title, partial(_draw_risk_coverage, curves=curves), f"Risk-coverage curves, {title}."))
        for model, (coverage, risk) in curves.items():
            rows += [
                {"model": model, "n_per_class": size, "coverage": float(c), "risk": float(r)}
                for c, r in zip(coverage, risk, strict=True)
            ]
    return Picture(
        "risk_coverage",
        "Risk and coverage: what is gained by leaving doubtful images to a person?",
        "From right to left a person takes over the images of least confidence. A line that falls steeply to the "
        "left knows where it errs; at 100 % coverage it ends at the error rate. The mean height of a line is AURC. "
        "With more seeds, the mean of their curves.",
        panels,
        [Key(label_of(model), model_mark(model).colour, model_mark(model).line) for model in study.models],
        rows,
    )


def end_sizes(study: RunSet) -> list[int]:
    """The smallest and the largest size; one size once."""
    return sorted({study.sizes[0], study.sizes[-1]})


def histogram_picture(scores: Mapping[str, Entropies], size: int, name: str) -> Picture:
    """Predictive entropy of known and of out-of-distribution images, one panel a model.

    Args:
        scores: Entropies by model.
        size: Images a class.
        name: What records call the out-of-distribution images.
    """
    largest = max(float(values.max()) for found in scores.values() for values in found)
    edges = np.linspace(0.0, max(largest, 1e-3), NUM_EDGES)
    top = max(_shares(values, edges).max() for found in scores.values() for values in found)
    panels = [
        Panel(
            f"{label_of(model)}, {images_a_class(size)}",
            partial(_draw_histograms, found=found, edges=edges, top=float(top)),
            f"Histograms of the predictive entropy of known and out-of-distribution images, {label_of(model)}.",
        )
        for model, found in scores.items()
    ]
    return Picture(
        "out_of_distribution",
        "Images of no known class",
        f"Predictive entropy of test images and of images of no class that the models know ({readable(name)}). The less the "
        "two overlap, the better a model knows what it does not know.",
        panels,
        [
            Key("known classes (test images)", BLUE, "", "block"),
            Key("out-of-distribution images", VERMILLION, "", "block"),
        ],
        [
            {"model": model, "kind": kind, "predictive_entropy": float(value)}
            for model, found in scores.items()
            for kind, values in found._asdict().items()
            for value in values
        ],
    )


def _draw_reliability(axes: Axes, bins: ReliabilityBins, colour: str, times: float) -> None:
    edges = np.linspace(0.0, 1.0, NUM_BINS + 1)
    axes.bar(edges[:-1], bins.count / bins.count.sum(), np.diff(edges), align="edge", color=MUTED, alpha=0.22)
    axes.plot([0, 1], [0, 1], ":", color=MUTED, linewidth=1.2)
    filled = bins.count > 0
    confidence, accuracy = bins.confidence[filled], bins.accuracy[filled]
    low, high = wilson_interval(accuracy, bins.count[filled] / times)
    axes.vlines(confidence, low, high, color=colour, linewidth=1.6)
    axes.plot(confidence, accuracy, "o-", color=colour, linewidth=1.4, markersize=5)
    share_axis(axes.xaxis, "Confidence")
    share_axis(axes.yaxis, "Accuracy in the bin")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))


def _draw_risk_coverage(axes: Axes, curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for model, curve in curves.items():
        coverage, risk = map(_thinned, curve)
        axes.plot(coverage, risk, model_mark(model).line, color=model_mark(model).colour, linewidth=1.8)
    share_axis(axes.xaxis, "Coverage: images answered")
    share_axis(axes.yaxis, "Risk: wrong answers")
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(bottom=0.0)


def _draw_histograms(axes: Axes, found: Entropies, edges: np.ndarray, top: float) -> None:
    """Draws on axes that all models share, so that they can be compared by eye."""
    for values, colour in zip(found, (BLUE, VERMILLION), strict=True):
        share = _shares(values, edges)
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(share, edges, color=colour, linewidth=1.4)
    share_axis(axes.yaxis, "Images")
    axes.set_xlabel("Predictive entropy (nats)")
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0.0, 1.05 * top))


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.histogram(values, edges)[0] / len(values)


def _risk_coverage(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    curves = []
    for run in runs:
        averaged = run.probabilities.mean(axis=0, dtype=np.float64)
        coverage, risk = risk_coverage_curve(averaged.max(axis=-1), example_correct(averaged, run.labels))
        curves.append(risk)
    return coverage, np.mean(curves, axis=0)


def _thinned(values: np.ndarray) -> np.ndarray:
    """Values at evenly spaced places, the first and the last among them."""
    return values[np.unique(np.linspace(0, len(values) - 1, MAX_POINTS).astype(int))]


def _bin_rows(model: str, size: int, bins: ReliabilityBins) -> list[dict[str, object]]:
    return [
        {"model": model, "n_per_class": size, "bin": i, "confidence": c, "accuracy": a, "count": n}
        for i, (c, a, n) in enumerate(
            zip(bins.confidence.tolist(), bins.accuracy.tolist(), bins.count.tolist(), strict=True)
        )
    ]


def _pooled_words(study: RunSet) -> str:
    if len(study.seeds) == 1:
        return ""
    return " All seeds are pooled; the intervals count each test image once, since seeds share them."
