"""Logarithmic axes with numbers on them, whatever is shown."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tfp_insects.report.pictures import plain_number

AXIS_MARGIN = 1.2  # Factor of room at either end of an axis of times.
LEAST_SPAN = 8.0  # Least ratio of its ends: two or three of 1, 2, 5, 10, ... lie within it.
DIGITS = {
    3.0: (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    200.0: (1.0, 2.0, 5.0),
}  # Up to which ratio of the ends.


def seconds_axis(axes: Axes, label: str) -> None:
    """Makes the horizontal axis one of times in seconds, once all that it shows is drawn."""
    low, high = seconds_limits(*axes.dataLim.intervalx)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(plain_number))
    axes.set_xlabel(label)


def seconds_limits(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis that shows these times with a margin; so far apart that times which are alike are seen to be alike."""
    middle, half = np.sqrt(low * high), max(np.sqrt(high / low) * AXIS_MARGIN, np.sqrt(LEAST_SPAN))
    return float(middle / half), float(middle * half)


def log_ticks(low: float, high: float) -> list[float]:
    """Numbers to write at a logarithmic axis: the longer it is, the fewer digits times powers of ten, at last 1 alone."""
    digits = next((digits for span, digits in DIGITS.items() if high / low < span), (1.0,))
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    return [float(digit * power) for power in powers for digit in digits if low <= digit * power <= high]
