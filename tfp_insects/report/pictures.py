"""A picture of the report: panels that stand side by side on a wide screen and one below the other on a phone.

Each panel is drawn twice from one function: as SVG within the page, whose colours are variables of the page's style
sheet, and as part of one PNG and one SVG file beside the page.
"""

import csv
import dataclasses
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from tfp_insects.files import written_whole
from tfp_insects.models.method import Line
from tfp_insects.report.palette import GRID, INK, MUTED, PAPER, VARIABLES
from tfp_insects.report.wording import MINUS, number

POINTS_PER_INCH = 72.0
PNG_DPI = 160
STYLE: Any = {
    "font.size": 11.5,
    "axes.labelsize": 11.5,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11.5,
    "axes.titlecolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,  # Names of classes and folders may hold dollar signs.
    "legend.frameon": False,
}
Draw = Callable[[Axes], None]


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: What is shown; stands above the axes.
        draw: Draws on empty axes.
        description: For readers who do not see the picture.
        width: In points; none for what suits the number of panels.
        height: In points; none likewise.
    """

    title: str
    draw: Draw
    description: str
    width: float | None = None
    height: float | None = None


@dataclasses.dataclass(frozen=True)
class Key:
    """An entry of a legend; `line` and `marker` as in matplotlib, empty for none."""

    label: str
    colour: str
    line: Line = "-"
    marker: str = ""


@dataclasses.dataclass(frozen=True)
class Picture:
    """Panels that belong together.

    Attributes:
        name: Of its files.
        title: In one line.
        caption: What to see.
        panels: One or more.
        keys: The legend; empty for none.
        rows: The figures drawn, for its CSV file.
        is_small: Whether four panels fit side by side.
    """

    name: str
    title: str
    caption: str
    panels: Sequence[Panel]
    keys: Sequence[Key] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    is_small: bool = False

    @property
    def num_columns(self) -> int:
        """Panels side by side on a wide screen: two and four panels make two columns, all others three."""
        if self.is_small:
            return 4
        return min(len(self.panels), 2 if len(self.panels) in (2, 4) else 3)

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """Width and height of each panel in points."""
        width, height = (430.0, 285.0) if self.num_columns == 2 else (340.0, 250.0)
        return [(panel.width or width, panel.height or height) for panel in self.panels]


def panel_svg(panel: Panel, size: tuple[float, float], name: str) -> Markup:
    """Draws a panel as SVG to stand within a page, its text as text and its colours as the page's variables.

    Args:
        panel: What to draw.
        size: Width and height in points.
        name: Unique on the page; keeps the panels' internal references apart.
    """
    with matplotlib.rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": name}):
        figure = _empty_figure(size)
        panel.draw(figure.subplots())
        buffer = io.StringIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return _for_page(buffer.getvalue(), panel.description)


def key_svg(key: Key) -> Markup:
    """Draws a legend's sample of line and marker."""
    colour = f"var({VARIABLES[key.colour]})"
    dashes = {"--": "5 3", "-.": "6 2 1.5 2", ":": "1.5 2.5"}.get(key.line, "")
    line = f'<line x1="0" y1="6" x2="26" y2="6" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
    shapes = {
        "o": '<circle cx="13" cy="6" r="4"/>',
        "s": '<rect x="9" y="2" width="8" height="8"/>',
        "^": '<path d="M13 1 L18 10 H8 Z"/>',
        "v": '<path d="M13 11 L18 2 H8 Z"/>',
        "<": '<path d="M8 6 L17 1 V11 Z"/>',
        "h": '<path d="M13 1 L17.5 3.5 V8.5 L13 11 L8.5 8.5 V3.5 Z"/>',
        "D": '<path d="M13 1 L18 6 L13 11 L8 6 Z"/>',
        "P": '<path d="M11 1h4v3h3v4h-3v3h-4v-3h-3v-4h3z"/>',
        "X": '<path d="M9 2l8 8M17 2l-8 8" stroke-width="3"/>',
        "block": '<rect x="2" y="1" width="22" height="10" rx="1"/>',
    }
    shape = f'<g fill="{colour}" stroke="{colour}">{shapes[key.marker]}</g>' if key.marker else ""
    return Markup(f'<svg class="key" viewBox="0 0 26 12" aria-hidden="true">{line if key.line else ""}{shape}</svg>')


def save_picture(picture: Picture, directory: Path) -> None:
    """Writes `<name>.png`, `<name>.svg` and, where there are figures, `<name>.csv` into a directory."""
    with matplotlib.rc_context({**STYLE, "svg.fonttype": "path", "svg.hashsalt": picture.name}):
        figure = _whole_figure(picture)
        with written_whole(directory / f"{picture.name}.svg") as temporary:
            FigureCanvasSVG(figure).print_svg(temporary, metadata={"Date": None})
        figure.set_layout_engine("none")  # The second file has the places that were found for the first.
        figure.set_dpi(PNG_DPI)
        with written_whole(directory / f"{picture.name}.png") as temporary:
            FigureCanvasAgg(figure).print_png(temporary)
    if picture.rows:
        write_csv(directory / f"{picture.name}.csv", picture.rows)


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows with equal fields as CSV."""
    with (
        written_whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,  # Names need be no UTF-8.
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def share_axis(axis: Axis, label: str) -> None:
    """Labels an axis of shares in percent."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: number(100.0 * share, 1).removesuffix(".0")))
    axis.set_label_text(f"{label} (%)")


def plain_number(value: float, _: object = None) -> str:
    """A tick's number without a power of ten."""
    return f"{value:g}".replace("-", MINUS)


def _empty_figure(size: tuple[float, float], facecolor: str = "none") -> Figure:
    """A figure of a size in points, to be written by its canvas: `savefig` draws all twice, once to find each place."""
    inches = (size[0] / POINTS_PER_INCH, size[1] / POINTS_PER_INCH)
    return Figure(inches, layout="constrained", facecolor=facecolor, edgecolor="none")


def _whole_figure(picture: Picture) -> Figure:
    """All panels in one figure, with title and legend."""
    num_columns = min(picture.num_columns, len(picture.panels))
    num_rows = -(-len(picture.panels) // num_columns)
    width, height = picture.sizes[0]
    size = (max(width * num_columns, 560.0), height * num_rows + 75.0)  # Room for title and legend.
    figure = _empty_figure(size, PAPER)
    grid = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in grid[len(picture.panels) :]:
        axes.remove()
    for axes, one in zip(grid, picture.panels, strict=False):
        one.draw(axes)
        axes.set_title(one.title)
    figure.suptitle(picture.title, fontsize=12, color=INK)
    if picture.keys:
        figure.legend(handles=[_handle(key) for key in picture.keys], loc="outside lower center", ncols=6)
    return figure


def _handle(key: Key) -> Line2D:
    if key.marker == "block":
        return Line2D([], [], color=key.colour, linewidth=8, label=key.label)
    return Line2D([], [], color=key.colour, linestyle=key.line, marker=key.marker or "none", label=key.label)


def _for_page(svg: str, description: str) -> Markup:
    """Leaves out what a page has already, and swaps colours for variables and the font for the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style [^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>|[^<]+", _part_for_page, svg)
    width, height = (re.search(rf'{side}="([\d.]+)pt"', svg)[1] for side in ("width", "height"))  # type: ignore[index]
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(description)}">'
    return Markup(re.sub(r"^<svg[^>]*>", lambda _: head, svg, count=1))


def _part_for_page(part: re.Match[str]) -> str:
    """A tag as the page has it; words, which may look like anything, stay as they are."""
    if not part[0].startswith("<"):
        return part[0] if part[0].strip() else " "
    tag = re.sub(r'^<g id="[^"]*"', "<g", part[0])
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)  # Hundredths of a point; finer ones are not seen.
    tag = re.sub(r"\s+", " ", tag)
    return re.sub(r"#[0-9a-f]{6}\b", _colour, tag)


def _colour(match: re.Match[str]) -> str:
    variable = VARIABLES.get(match[0])
    return f"var({variable})" if variable else match[0]
