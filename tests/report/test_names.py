"""Names from outside: whatever a folder can be called, it is shown as it is, and nothing of it is taken for markup."""

import csv
import html
import io
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pytest
from fixtures.page_text import read
from matplotlib import font_manager
from rich.console import Console

from tfp_insects.compare.record_table import print_table, write_comparison
from tfp_insects.files import read_json
from tfp_insects.report import lettering
from tfp_insects.report.accuracy_curves import plot_accuracy_curves
from tfp_insects.report.lettering import letter
from tfp_insects.report.page import write_report

NO_UTF8 = os.fsdecode(b"abeille \xe9")
NAMES = (
    "Bombus [cf. terrestris]",
    "$fly$ \\alpha_1^2",
    "<script>x(1)</script> & co",
    NO_UTF8,
    "蜜蜂",
    "two\nlines {{ 7 * 7 }}",
    "#0072b2 font-family: x;",
    "a very long name of a class that goes on and on " * 5,
)
DATA = "photos [draft] $1$ 蜜蜂.zip"
NO_LETTERS = "\U00013000\U0001f41d"  # A hieroglyph and an emoji.


@pytest.fixture(scope="module")
def workdir(make_run, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("runs [of] :bee: ") / NO_UTF8
    make_run(workdir, "cnn", drawn=False, num_examples=40, class_names=NAMES, has_images=False, data=DATA)
    return workdir


@pytest.fixture(scope="module")
def stream() -> io.TextIOWrapper:
    """What the console writes to, as strict as a terminal."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


@pytest.fixture(scope="module")
def page(workdir: Path, stream: io.TextIOWrapper) -> Path:
    """Written without a warning, such as of a missing glyph."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return write_report(workdir, Console(file=stream, width=80))


def written(name: str) -> str:
    """A name as a file holds it."""
    return name.encode("utf-8", "backslashreplace").decode()


def test_the_console_names_the_path_in_full(page: Path, stream: io.TextIOWrapper) -> None:
    shown = stream.buffer.getvalue().decode()
    assert shown == f"Report: {page}\n".encode("utf-8", "backslashreplace").decode()
    assert "[of] :bee:" in shown


def test_the_page_holds_each_name_as_it_is(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    assert "<script" not in content
    text = read(page)
    for name in NAMES:
        assert html.escape(written(name), quote=False).replace('"', "&#34;") in content, name
        assert " ".join(written(name).split()) in text.words, name
    assert DATA in text.words


def test_pictures_of_the_page_hold_names_as_words(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    words = {html.unescape(word) for word in re.findall(r"<text[^>]*>([^<]*)</text>", content)}
    for name in (*NAMES[:3], r"abeille \udce9", NAMES[4], r"two\nlines {{ 7 * 7 }}", NAMES[6]):
        assert name in words, name
    assert NAMES[7][:14] + "…" + NAMES[7][-13:] in words


def test_files_beside_the_page_hold_every_name(page: Path) -> None:
    with (page.parent / "accuracy_by_class.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "cnn"]
    assert [(row["class_number"], row["class"]) for row in rows] == [(str(i), written(n)) for i, n in enumerate(NAMES)]
    assert (page.parent / "confusion.png").stat().st_size > 10_000


def test_the_terminal_shows_the_data_s_name(workdir: Path, tmp_path: Path) -> None:
    records = [read_json(path) for path in workdir.glob("*/record.json")]
    console = Console(file=io.StringIO(), width=120)
    print_table(records, console)
    assert f"{DATA}: {len(NAMES)} classes" in console.file.getvalue()
    write_comparison([{**record, "data": NO_UTF8} for record in records], tmp_path / "comparison.csv")
    assert written(NO_UTF8) in (tmp_path / "comparison.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("data", [DATA, NO_UTF8, NO_LETTERS, "$a$ $b", "_x", "long " * 40])
def test_curves_are_drawn_whatever_the_data_is_called(workdir: Path, tmp_path: Path, data: str) -> None:
    records = [{**read_json(path), "data": data} for path in workdir.glob("cnn-*/record.json")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (picture,) = plot_accuracy_curves(records, workdir)
    assert picture.stat().st_size > 10_000


def test_letters_that_the_default_font_lacks_are_drawn_with_an_installed_one() -> None:
    found = letter(["bee", "蜜蜂"], [0, 1], 20)
    if not shutil.which("fc-list") or not subprocess.run(["fc-list", ":lang=zh"], capture_output=True).stdout:
        pytest.skip("no font with Chinese letters is installed")
    assert found.labels == {0: "bee", 1: "蜜蜂"}
    assert found.fonts[0] == "DejaVu Sans"
    assert len(found.fonts) == 2
    assert found.key == ""


def test_a_font_that_was_installed_after_matplotlib_made_its_list_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path(font_manager.findfont("DejaVu Sans Mono"))
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(own), str(Path(__file__))])
    assert [entry.name for entry in lettering._installed()] == ["DejaVu Sans Mono"]


def test_letters_that_no_font_has_become_the_class_s_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_installed", list)
    found = letter(["bee", "fly", "蜜蜂", "胡蜂 a"], [3, 1, 2], 20)
    assert found.labels == {3: "class 3", 1: "fly", 2: "class 2"}
    assert found.fonts == ["DejaVu Sans"]
    assert found.key == " No font here has the letters of some names: class 3 is 胡蜂 a, class 2 is 蜜蜂."


def test_names_that_look_alike_when_short_are_told_apart() -> None:
    names = ["Bombus_terrestris_worker_left", "Bombus_terrestris_queens_left", "fly"]
    assert letter(names, range(3), 11).labels == {0: "0: Bombu…_left", 1: "1: Bombu…_left", 2: "fly"}
