"""Colours and marks: Okabe and Ito's colours, which colour-blind readers can tell apart, and never a colour alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tfp_insects.models.method import Colour, Line, Method
from tfp_insects.models.method_table import methods

# Each colour of a picture is a variable of the page's style sheet, so that one drawing serves light and dark.
INK = "#20242a"
MUTED = "#6b7280"
GRID = "#d9dde3"
PAPER = "#fdfdfc"
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
VERMILLION, SKY = "#d55e00", "#56b4e9"
HEAT = "#0072b3"  # Blue in light; in dark a deeper blue than that of lines, as text stands on it.
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--card",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PINK: "--pink",
    VERMILLION: "--vermillion",
    SKY: "--sky",
    HEAT: "--heat",
}

COLOURS: Mapping[Colour, str] = {
    "blue": BLUE,
    "orange": ORANGE,
    "green": GREEN,
    "pink": PINK,
    "vermillion": VERMILLION,
    "sky": SKY,
    "muted": MUTED,
}


class DrawnMark(NamedTuple):
    """How a model is drawn, its colour as matplotlib takes it."""

    colour: str
    marker: str
    line: Line


SIZE_COLOURS = (BLUE, ORANGE, GREEN, PINK, VERMILLION, SKY)


def model_mark(model: str) -> DrawnMark:
    """Colour, marker and line of a model; of one that is not there any more, those of none."""
    mark = next((method.mark for method in methods() if method.name == model), Method.mark)
    return DrawnMark(COLOURS[mark.colour], mark.marker, mark.line)


def size_colours(sizes: Sequence[int]) -> dict[int, str]:
    """A colour for each number of images a class."""
    return {size: SIZE_COLOURS[i % len(SIZE_COLOURS)] for i, size in enumerate(sizes)}
