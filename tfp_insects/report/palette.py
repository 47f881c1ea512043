"""Colours and marks: Okabe and Ito's colours, which colour-blind readers can tell apart, and never a colour alone."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

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

Line = Literal["-", "--", "-.", ":", ""]


class Mark(NamedTuple):
    """How a model is drawn."""

    colour: str
    marker: str
    line: Line


MODEL_MARKS = {
    "cnn": Mark(BLUE, "o", "-"),
    "bnn": Mark(VERMILLION, "s", "-"),
    "bnn_head": Mark(VERMILLION, "<", ":"),
    "bnn_classifier": Mark(VERMILLION, "h", "--"),
    "cnn_temperature": Mark(SKY, "^", "-."),
    "cnn_l2sp": Mark(GREEN, "D", "-."),
    "mc_dropout": Mark(PINK, "v", ":"),
    "ensemble": Mark(ORANGE, "P", ":"),
}
OTHER_MARK = Mark(MUTED, "X", ":")
SIZE_COLOURS = (BLUE, ORANGE, GREEN, PINK, VERMILLION, SKY)


def model_mark(model: str) -> Mark:
    """Colour, marker and line of a model."""
    return MODEL_MARKS.get(model, OTHER_MARK)


def size_colours(sizes: Sequence[int]) -> dict[int, str]:
    """A colour for each number of images a class."""
    return {size: SIZE_COLOURS[i % len(SIZE_COLOURS)] for i, size in enumerate(sizes)}
