"""The weights as distributions: prior and posterior of chosen weights, and histograms by layer."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, LogLocator, NullFormatter
from scipy import stats

from tfp_insects.report.log_axis import log_ticks
from tfp_insects.report.palette import INK, MUTED
from tfp_insects.report.pictures import Key, Panel, Picture, plain_number
from tfp_insects.report.weights import LayerWeights, NormalPrior
from tfp_insects.report.wording import MINUS, images_a_class

NUM_BINS = 60
MAX_PANELS = 12  # Of a network of fifty layers a reader looks at no more.
Layers = Mapping[int, Sequence[LayerWeights]]


def chosen_weights_picture(layers: Layers, colours: Mapping[int, str]) -> Picture:
    """Prior and posterior of three weights: of the first, a middle and the last Bayesian layer.

    Args:
        layers: Bayesian layers from input to output, the same at each size, by images a class (smallest and largest).
        colours: Colour of each size.
    """
    largest = layers[max(layers)]
    chosen = sorted({0, (len(largest) + 1) // 2, len(largest) - 1} & set(range(len(largest))))
    panels, rows = [], []
    for i in chosen:
        index = _shown_weight(largest[i])
        title = f"{largest[i].name} {list(largest[i].place(index))}"
        weights = {size: (found[i].loc[index], found[i].scale[index]) for size, found in layers.items()}
        prior = _prior_at(largest[i], index)
        draw = partial(_draw_weight, prior=prior, weights=weights, colours=colours)
        panels.append(Panel(title, draw, f"Prior and posterior densities of the weight {title}."))
        rows += [
            {
                "weight": title,
                "n_per_class": size,
                "loc": loc,
                "scale": scale,
                "prior_loc": prior[0] if prior else "",
                "prior_scale": prior[1] if prior else "",
            }
            for size, (loc, scale) in weights.items()
        ]
    return Picture(
        "weights_chosen",
        "One weight is a distribution",
        "Grey: what is believed before the first image (prior). Colour: what is believed after training (posterior). "
        "In each of three layers the weight is shown that moved furthest from its prior, counted in the prior's "
        "scale. A narrow curve is a sure weight; in layers whose scale is not learned (see the notes of the answer) "
        "it was made so. Where the prior is much wider than the posterior it shows as a flat line."
        + _log_uniform_words(largest, " In layers with a log-uniform prior it is the largest weight."),
        panels,
        [*_where_drawn(largest, Key("prior", MUTED, "--")), *_size_keys(layers, colours)],
        rows,
    )


def loc_picture(layers: Layers, colours: Mapping[int, str]) -> Picture:
    """Histograms of the posterior's location, one panel a layer."""
    return _histograms(
        layers,
        colours,
        name="weights_loc",
        title="Where the weights are: location by layer",
        caption="Grey: the prior's locations (the pretrained weights, or a line at one value). Colour: the posterior's, "
        f"after training{' with few and with many images' if len(layers) > 1 else ''}. Curves that lie on each other mean "
        "that training moved the weights little.",
        value=lambda layer: layer.loc,
        prior=lambda prior: prior.loc,
        is_log=False,
    )


def scale_picture(layers: Layers, colours: Mapping[int, str]) -> Picture:
    """Histograms of the posterior's scale, one panel a layer."""
    return _histograms(
        layers,
        colours,
        name="weights_scale",
        title="How sure the weights are: scale by layer",
        caption="Grey: the prior's scales. Colour: the posterior's. Left means sure. A scale that was held at a share "
        "of each weight's size, not learned, repeats the shape of the prior's.",
        value=lambda layer: layer.scale,
        prior=lambda prior: prior.scale,
        is_log=True,
    )


def _histograms(
    layers: Layers,
    colours: Mapping[int, str],
    *,
    name: str,
    title: str,
    caption: str,
    value: Callable[[LayerWeights], np.ndarray],
    prior: Callable[[NormalPrior], np.ndarray],
    is_log: bool,
) -> Picture:
    panels, rows = [], []
    shown = _shown_layers(len(layers[max(layers)]))
    for i, layer in enumerate(layers[max(layers)]):
        values = {size: value(found[i]) for size, found in layers.items()}
        grey = None if layer.prior is None else prior(layer.prior)
        edges = _edges([*values.values(), *([] if grey is None else [grey])], is_log)
        draw = partial(_draw_histograms, values=values, prior=grey, edges=edges, colours=colours, is_log=is_log)
        if i in shown:
            panels.append(Panel(layer.name, draw, f"{title}: {layer.name}.", width=215.0, height=165.0))
        rows += _histogram_rows(layer.name, values, edges)
    prior_key = Key("prior", MUTED, "", "block")
    keys = [*_where_drawn(layers[max(layers)], prior_key), *_size_keys(layers, colours)]
    caption += _log_uniform_words(layers[max(layers)])
    if len(panels) < len(layers[max(layers)]):
        caption += (
            f" {len(panels)} of {len(layers[max(layers)])} layers are shown, from input to output; the table has all."
        )
    return Picture(name, title, caption, panels, keys, rows, is_small=True)


def _shown_layers(count: int) -> set[int]:
    """Places of the layers that a page has room for: all, or evenly spaced ones from the first to the last."""
    return set(np.linspace(0, count - 1, min(count, MAX_PANELS)).round().astype(int).tolist())


def _shown_weight(layer: LayerWeights) -> int:
    """Index of the weight that moved furthest from its prior, in the prior's scale; without a scale, of the largest."""
    if layer.prior is None:
        return int(np.argmax(np.abs(layer.loc)))
    return int(np.argmax(np.abs(layer.loc - layer.prior.loc) / layer.prior.scale))


def _prior_at(layer: LayerWeights, index: int) -> tuple[float, float] | None:
    """Location and scale of one weight's prior, if it is normal."""
    return None if layer.prior is None else (layer.prior.loc[index], layer.prior.scale[index])


def _log_uniform_words(layers: Sequence[LayerWeights], more: str = "") -> str:
    """What a caption adds where a prior is log-uniform."""
    if all(layer.prior is not None for layer in layers):
        return ""
    return f" A log-uniform prior has neither location nor scale, and none is drawn.{more}"


def _where_drawn(layers: Sequence[LayerWeights], prior: Key) -> list[Key]:
    """The prior's key, unless no layer has one to draw."""
    return [prior] if any(layer.prior is not None for layer in layers) else []


def _draw_weight(
    axes: Axes,
    prior: tuple[float, float] | None,
    weights: Mapping[int, tuple[float, float]],
    colours: Mapping[int, str],
) -> None:
    widest = max(scale for _, scale in weights.values())
    shown = [(loc, 4.0 * scale) for loc, scale in weights.values()]
    if prior:  # One far wider than the posterior would leave a needle to look at.
        shown.append((prior[0], min(3.0 * prior[1], 6.0 * widest)))
    x = np.linspace(min(loc - half for loc, half in shown), max(loc + half for loc, half in shown), 400)
    if prior:
        axes.plot(x, stats.norm.pdf(x, *prior), "--", color=MUTED, linewidth=1.5)
    for size, posterior in weights.items():
        density = stats.norm.pdf(x, *posterior)
        axes.plot(x, density, color=colours[size], linewidth=1.8)
        axes.fill_between(x, density, color=colours[size], alpha=0.15, linewidth=0)
    axes.set(xlabel="Weight", ylabel="Density", xlim=(x[0], x[-1]))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.set_ylim(0.0, 1.22 * axes.dataLim.y1)
    text = f"prior N({prior[0]:.2g}, {prior[1]:.2g}²)".replace("-", MINUS) if prior else "log-uniform prior"
    axes.text(0.03, 0.97, text, transform=axes.transAxes, va="top", fontsize=9, color=INK)


def _draw_histograms(
    axes: Axes,
    values: Mapping[int, np.ndarray],
    prior: np.ndarray | None,
    edges: np.ndarray,
    colours: Mapping[int, str],
    is_log: bool,
) -> None:
    if prior is not None and np.ptp(prior) > 0.0:
        axes.stairs(_shares(prior, edges), edges, fill=True, color=MUTED, alpha=0.3)
    elif prior is not None:
        axes.axvline(float(prior[0]), color=MUTED, linewidth=2.0, alpha=0.6)
    for size, found in values.items():
        axes.stairs(_shares(found, edges), edges, color=colours[size], linewidth=1.3)
    if is_log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(_few_numbers(edges))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.set(xlim=(edges[0], edges[-1]), yticks=[], xlabel="Scale" if is_log else "Location")
    axes.set_ylim(bottom=0.0)
    axes.spines["left"].set_visible(False)


def _few_numbers(edges: np.ndarray) -> Locator:
    """At most four numbers, at powers of ten where these are two at least."""
    if edges[-1] / edges[0] >= 100.0:
        return LogLocator(numticks=4)
    ticks = log_ticks(float(edges[0]), float(edges[-1]))
    return FixedLocator(ticks[:: -(-len(ticks) // 4)] if ticks else [])


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.histogram(values, edges)[0] / len(values)


def _edges(arrays: Sequence[np.ndarray], is_log: bool) -> np.ndarray:
    """Bins that hold all but the outermost two in a thousand of each array, on a logarithmic axis of what is positive."""
    shown = [array[array > 0.0] for array in arrays] if is_log else arrays
    ends = np.array([np.quantile(array, [0.002, 0.998]) for array in shown])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    if is_log:
        return np.geomspace(low / 1.2, high * 1.2, NUM_BINS + 1)
    margin = 0.05 * max(high - low, 1e-6)
    return np.linspace(low - margin, high + margin, NUM_BINS + 1)


def _histogram_rows(name: str, values: Mapping[int, np.ndarray], edges: np.ndarray) -> list[dict[str, object]]:
    return [
        {"layer": name, "n_per_class": size, "from": low, "to": high, "share": share}
        for size, found in values.items()
        for low, high, share in zip(
            edges[:-1].tolist(), edges[1:].tolist(), _shares(found, edges).tolist(), strict=True
        )
    ]


def _size_keys(layers: Layers, colours: Mapping[int, str]) -> list[Key]:
    return [Key(f"posterior, {images_a_class(size)}", colours[size]) for size in sorted(layers)]
