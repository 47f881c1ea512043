"""Pictures of a trained posterior: how loc, scale and signal-to-noise ratio are distributed in each layer."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfp_insects.bayes.posterior import LayerPosterior, signal_to_noise
from tfp_insects.files import written_whole

NUM_BINS = 100
MAX_WEIGHTS = 1_000_000  # Of a layer, evenly spread over its kernel: more would change no pixel.
COLOURS = {"loc": "#0072B2", "scale": "#D55E00", "snr": "#009E73"}


class PosteriorPicture:
    """One row a layer: loc, scale, and signal-to-noise ratio.

    Args:
        num_layers: Number of rows.
    """

    def __init__(self, num_layers: int) -> None:
        self._figure = Figure(figsize=(10, 1.6 * num_layers + 0.8), layout="constrained")
        self._axes = self._figure.subplots(num_layers, 3, squeeze=False)
        for axes, title in zip(
            self._axes[0], ("posterior mean", "posterior scale, as trained", "signal-to-noise ratio"), strict=True
        ):
            axes.set_title(title)
        self._axes[-1][0].set_xlabel("loc")
        self._axes[-1][1].set_xlabel("log10 scale")
        self._axes[-1][2].set_xlabel("log10 |loc| / scale")

    def add(self, row: int, posterior: LayerPosterior) -> None:
        """Draws a layer."""
        step = max(1, posterior.loc.size // MAX_WEIGHTS)
        loc, scale = posterior.loc[::step], posterior.scale[::step]
        left, middle, right = self._axes[row]
        left.set_ylabel(posterior.name)
        _histogram(left, loc, COLOURS["loc"])
        _histogram(middle, _log10(scale), COLOURS["scale"])
        _histogram(right, _log10(signal_to_noise(loc, scale)), COLOURS["snr"])

    def write(self, path: Path) -> None:
        """Writes a PNG."""
        with written_whole(path) as temporary:
            self._figure.savefig(temporary, dpi=150, format="png")


def _log10(values: np.ndarray) -> np.ndarray:
    return np.log10(values[(values > 0.0) & np.isfinite(values)])


def _histogram(axes: Axes, values: np.ndarray, colour: str) -> None:
    axes.set_yticks([])
    axes.tick_params(labelsize="small")
    if not values.size:  # Logarithms of a layer that is still at 0.
        return
    values = values.astype(np.float64)
    low, high = values.min(), values.max()
    if high - low < 1e-4 * max(abs(low), abs(high)):  # One value, up to rounding.
        low, high = low - 0.5, high + 0.5
    axes.hist(values, NUM_BINS, range=(low, high), color=colour, histtype="stepfilled")
