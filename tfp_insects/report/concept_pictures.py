"""The pictures of `docs/concepts.md`."""

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageFilter
from scipy import stats

from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_pretraining import PRETRAINING_SPECIES
from tfp_insects.data.painted.species_study import STUDY_SPECIES
from tfp_insects.files import written_whole
from tfp_insects.report import concept_examples as examples
from tfp_insects.report.palette import BLUE, GREEN, INK, MUTED, ORANGE, PAPER, VERMILLION
from tfp_insects.report.pictures import STYLE, plain_number

DPI = 130
BLUR_RADIUS = 3.0  # pixels


def draw_concepts(directory: Path) -> list[Path]:
    """Draws all pictures as `concept_<name>.png` and returns their paths.

    Args:
        directory: Where they go; created if it is not there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[], Figure]] = {
        "weight": _weight_figure,
        "unit": _unit_figure,
        "training": _training_figure,
        "prediction": _prediction_figure,
        "uncertainty": _uncertainty_figure,
    }
    paths = []
    for name, draw in pictures.items():
        path = directory / f"concept_{name}.png"
        with matplotlib.rc_context(STYLE), written_whole(path) as temporary:
            draw().savefig(temporary, format="png", dpi=DPI, facecolor=PAPER, metadata={"Software": None})
        paths.append(path)
    return paths


def _weight_figure() -> Figure:
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_weight(left, 1)
    _draw_weight(right, 3)
    left.set_ylim(bottom=0.0)
    left.set_ylabel("density")
    left.legend()
    return figure


def _draw_weight(axes: Axes, num_insects: int) -> None:
    weight = np.linspace(0.4, 2.0, 600)
    likelihood, posterior = examples.weight_likelihood(num_insects), examples.weight_posterior(num_insects)
    axes.plot(weight, stats.norm.pdf(weight, *examples.PRIOR), "--", color=MUTED, label="prior")
    axes.plot(weight, stats.norm.pdf(weight, *likelihood), ":", color=ORANGE, linewidth=2.2, label="likelihood, scaled")
    density = stats.norm.pdf(weight, *posterior)
    axes.plot(weight, density, color=VERMILLION, linewidth=2.0, label="posterior")
    axes.fill_between(weight, density, color=VERMILLION, alpha=0.15, linewidth=0)
    axes.set_title("one insect measured" if num_insects == 1 else f"{num_insects} insects measured")
    axes.set(xlabel="weight w (wing length / body length)", xlim=(weight[0], weight[-1]))


def _unit_figure() -> Figure:
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    grid = figure.subplots(2, 4, sharex="col")
    for i, (loc, scale, value) in enumerate(
        zip(examples.WEIGHT_LOCS, examples.WEIGHT_SCALES, examples.INPUTS, strict=True)
    ):
        grid[0, i].set_title(f"w{i + 1}   (x{i + 1} = {value:g})")
        _draw_number(grid[0, i], loc, BLUE)
        _draw_normal(grid[1, i], examples.Normal(loc, scale), VERMILLION)
    output = examples.unit_output()
    grid[0, 3].set_title("y")
    _draw_number(grid[0, 3], output.loc, BLUE)
    _draw_normal(grid[1, 3], output, VERMILLION)
    grid[0, 0].set_ylabel("weights are numbers")
    grid[1, 0].set_ylabel("weights are normals")
    return figure


def _draw_number(axes: Axes, value: float, colour: str) -> None:
    axes.axvline(value, color=colour, linewidth=2.5)
    axes.text(value, 0.5, f"  {plain_number(value)}", transform=axes.get_xaxis_transform(), color=INK)
    axes.set_yticks([])


def _draw_normal(axes: Axes, normal: examples.Normal, colour: str) -> None:
    x = np.linspace(normal.loc - 4.0 * normal.scale, normal.loc + 4.0 * normal.scale, 300)
    density = stats.norm.pdf(x, *normal)
    axes.plot(x, density, color=colour, linewidth=2.0)
    axes.fill_between(x, density, color=colour, alpha=0.15, linewidth=0)
    axes.set(yticks=[], xlabel=f"N({plain_number(normal.loc)}, {normal.scale:.2g}²)")
    axes.set_ylim(bottom=0.0)


def _training_figure() -> Figure:
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    weight = np.linspace(0.65, 1.2, 400)
    best = examples.weight_likelihood(3).loc
    left.plot(weight, examples.log_likelihood(weight), color=BLUE, linewidth=2.0)
    top = float(examples.log_likelihood(np.array(best)))
    left.plot(best, top, "o", color=BLUE, markeredgecolor=PAPER, markersize=9)
    left.annotate(f"w = {best:.3f}", (best, top), (8, 6), textcoords="offset points")
    left.set(xlabel="weight w", ylabel="log-likelihood (nats)", title="one number: the highest likelihood")
    left.set_ylim(top - 12.0, top + 1.5)
    _draw_elbo(figure, right)
    return figure


def _draw_elbo(figure: Figure, axes: Axes) -> None:
    loc, scale = np.meshgrid(np.linspace(0.75, 1.1, 160), np.geomspace(0.01, 0.3, 160))
    values = examples.elbo(loc, scale)
    top = examples.log_evidence()
    levels = top - np.array([12.0, 8.0, 5.0, 3.0, 2.0, 1.0, 0.5, 0.2])
    contours = axes.contour(loc, scale, values, levels=levels, colors=VERMILLION, linewidths=1.0, linestyles="solid")
    axes.clabel(contours, levels[::2], fmt=lambda value: plain_number(round(value, 1)), fontsize=9)
    posterior = examples.weight_posterior(3)
    axes.plot(*posterior, "s", color=VERMILLION, markeredgecolor=PAPER, markersize=9)
    label = f"N({posterior.loc:.3f}, {posterior.scale:.3f}²)"
    axes.annotate(label, posterior, (12, 4), textcoords="offset points", bbox={"facecolor": PAPER, "edgecolor": "none"})
    axes.set_yscale("log")
    axes.set_yticks([0.01, 0.03, 0.1, 0.3], ["0.01", "0.03", "0.1", "0.3"])
    axes.minorticks_off()
    axes.set(xlabel="location of the posterior", ylabel="scale of the posterior")
    axes.set_title("a distribution: the highest ELBO (nats)")


def _prediction_figure() -> Figure:
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    draws = examples.drawn_probabilities()
    left.hist(
        draws, bins=np.linspace(0.0, 1.0, 26), weights=np.full(draws.size, 1.0 / draws.size), color=MUTED, alpha=0.4
    )
    exact, plugged = examples.exact_probability(), examples.plug_in_probability()
    left.axvline(exact, color=VERMILLION, linewidth=2.0, label=f"mean over draws (the integral): {exact:.2f}")
    left.axvline(plugged, color=BLUE, linestyle="--", linewidth=2.0, label=f"from the mean weights: {plugged:.2f}")
    left.set(xlabel="probability of “wasp” under one draw", ylabel="share of draws", xlim=(0, 1), ylim=(0, 0.4))
    left.legend(loc="upper left", frameon=True, facecolor=PAPER, edgecolor="none", framealpha=1.0)
    _draw_running_mean(right, draws, exact)
    return figure


def _draw_running_mean(axes: Axes, draws: np.ndarray, exact: float) -> None:
    num = np.arange(2, draws.size + 1)
    mean = np.cumsum(draws)[1:] / num
    variance = (np.cumsum(draws**2)[1:] / num - mean**2) * num / (num - 1)
    error = np.sqrt(np.maximum(variance, 0.0) / num)
    axes.fill_between(num, mean - error, mean + error, color=VERMILLION, alpha=0.2, linewidth=0)
    axes.plot(num, mean, color=VERMILLION, linewidth=1.6, label="mean so far ± standard error")
    axes.axhline(exact, color=INK, linewidth=1.0, linestyle="--", label=f"the integral: {exact:.3f}")
    axes.set_xscale("log")
    axes.set_xticks([2, 10, 30, 100, 1000], ["2", "10", "30", "100", "1000"])
    axes.minorticks_off()
    axes.set(xlabel="draws of the weights", ylabel="probability of “wasp”", ylim=(0.4, 1.0))
    axes.legend(loc="lower right")


def _uncertainty_figure() -> Figure:
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    grid = figure.subplots(2, 3, height_ratios=(1.0, 1.15))
    titles = ("a wasp, clear", "the same, out of focus", "an insect of no known class")
    draws = (examples.CLEAR, examples.BLURRED, examples.UNKNOWN)
    for i, (title, image, probabilities) in enumerate(zip(titles, _photos(), draws, strict=True)):
        grid[0, i].imshow(np.asarray(image))
        grid[0, i].set_title(title)
        grid[0, i].axis("off")
        _draw_draws(grid[1, i], probabilities)
    grid[1, 0].set_ylabel("probability")
    return figure


def _draw_draws(axes: Axes, draws: np.ndarray) -> None:
    places = np.arange(len(examples.CLASSES))
    axes.bar(places, draws.mean(axis=0), width=0.7, color=BLUE, alpha=0.25)
    offsets = np.linspace(-0.24, 0.24, len(draws))
    for offset, probabilities in zip(offsets, draws, strict=True):
        axes.plot(places + offset, probabilities, "o", color=GREEN, markersize=5, markeredgecolor=PAPER)
    found = examples.photo_uncertainty(draws)
    axes.set_xticks(places, examples.CLASSES)
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel(f"aleatoric {found.aleatoric:.3f}\n+ epistemic {found.epistemic:.3f} = {found.total:.3f} nats")
    axes.grid(axis="x", visible=False)


def _photos() -> tuple[Image.Image, Image.Image, Image.Image]:
    wasp = next(species for species in STUDY_SPECIES if species.name == "wasp")
    mantis = next(species for species in PRETRAINING_SPECIES if species.name == "mantis")
    clear = _open(draw_example(wasp, 0, 3))
    return clear, clear.filter(ImageFilter.GaussianBlur(BLUR_RADIUS)), _open(draw_example(mantis, 0, 6))


def _open(encoded: bytes) -> Image.Image:
    with Image.open(io.BytesIO(encoded)) as image:
        return image.convert("RGB")
