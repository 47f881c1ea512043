import csv
import re

import pytest
from PIL import Image

from tfp_insects.models.method import Method
from tfp_insects.models.method_table import methods
from tfp_insects.report.palette import BLUE, VARIABLES
from tfp_insects.report.pictures import Key, Panel, Picture, key_svg, panel_svg, save_picture, share_axis

SIZE = (340.0, 250.0)


def draw(axes):
    axes.plot([0, 1, 2], [0.1, 0.123456, 0.3], "o--", color=BLUE)
    axes.fill_between([0, 1], [0.1, 0.2], color=BLUE, alpha=0.3)
    axes.text(1, 0.2, "<b> $x_1$ & 0.12345")
    share_axis(axes.yaxis, "Accuracy")


def picture(num_panels=3, **fields):
    panels = [Panel(f"panel {i}", draw, "what is shown") for i in range(num_panels)]
    return Picture("name", "Title", "Caption.", panels, **fields)


def test_panel_takes_its_colours_from_the_page():
    svg = panel_svg(Panel("title", draw, 'says "what" & why'), SIZE, "one")
    assert not re.search("#[0-9a-f]{6}", svg)
    assert set(re.findall(r"var\((--[a-z]+)\)", svg)) <= set(VARIABLES.values())
    assert "var(--blue)" in svg
    assert 'viewBox="0 0 340 250"' in svg
    assert 'aria-label="says &#34;what&#34; &amp; why"' in svg


def test_panel_text_stays_text_and_is_no_mathematics():
    svg = panel_svg(Panel("title", draw, "d"), SIZE, "one")
    assert "&lt;b&gt; $x_1$ &amp; 0.12345<" in svg
    assert "Accuracy (%)" in svg
    assert "font-family" not in svg


def test_panels_of_a_page_share_no_reference():
    ids = [set(re.findall(r' id="([^"]+)"', panel_svg(Panel("t", draw, "d"), SIZE, name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_panel_is_drawn_the_same_each_time():
    first, second = (panel_svg(Panel("t", draw, "d"), SIZE, "one") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("num_panels", "num_columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (7, 3)])
def test_columns(num_panels, num_columns):
    assert picture(num_panels).num_columns == num_columns


def test_saves_png_svg_and_figures(tmp_path):
    keys = [Key("a line", BLUE, "--", "o"), Key("a block", BLUE, "", "block")]
    save_picture(picture(4, keys=keys, rows=[{"a": 1, "b": "x"}, {"a": 2, "b": "y, z"}]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name.csv", "name.png", "name.svg"]
    with Image.open(tmp_path / "name.png") as image:
        assert image.width > 1500
    assert (tmp_path / "name.svg").read_text().count("<svg") == 1
    with (tmp_path / "name.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"a": "1", "b": "x"}, {"a": "2", "b": "y, z"}]


@pytest.mark.parametrize(
    "marker", sorted({mark.marker for mark in (*(method.mark for method in methods()), Method.mark)} | {"", "block"})
)
def test_keys_have_every_marker_in_use(marker):
    assert "var(--blue)" in key_svg(Key("label", BLUE, "-", marker))
