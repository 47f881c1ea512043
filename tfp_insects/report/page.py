"""The report: one page, and its figures and pictures as files beside it."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup
from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.files import written_whole
from tfp_insects.models.method_table import label_of
from tfp_insects.report.content import DRAWN, Content, make_content
from tfp_insects.report.figure_files import difference_rows, run_rows
from tfp_insects.report.pictures import Picture, key_svg, panel_svg, save_picture, write_csv
from tfp_insects.report.wording import enumerate_words
from tfp_insects.runs.reading import load_runs
from tfp_insects.text import plain

REPORT_NAME = "report"
PAGE_NAME = "index.html"
TEMPLATES = Path(__file__).parent / "templates"
CONTENT_SHARE = 0.4  # Of the time, for reading runs and computing figures; the rest is for pictures.
OnShare = Callable[[float], object]
REPOSITORY = Path(__file__).resolve().parents[2]


def write_report(
    workdir: Path, console: Console, seeds: Sequence[int] | None = None, on_share: OnShare = lambda share: None
) -> Path:
    """Writes `<workdir>/report/index.html`, and beside it its pictures (PNG, SVG) and figures (CSV).

    Args:
        workdir: Where the runs are.
        console: Gets the verdict, and a line with the page's path.
        seeds: Those of the runs that it shows; all of them if none is named.
        on_share: Called with the shares of this work that are done, one after the other; their sum is 1.

    Returns:
        The page's path.

    Raises:
        InputError: There is no finished run, or runs that cannot be compared; see `runs.reading.load_runs`.
    """
    content = make_content(load_runs(workdir, seeds), lambda share: on_share(CONTENT_SHARE * share))
    directory = workdir / REPORT_NAME
    try:
        directory.mkdir(exist_ok=True)
        _write_files(content, directory, on_share)
        path = directory / PAGE_NAME
        with written_whole(path) as temporary:
            # Names of classes and files need be no UTF-8.
            page = _unbroken(render(content, directory))
            temporary.write_text(page, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{directory}: cannot be written ({error.strerror})") from error
    if content.answer.verdict is not None:
        console.print(plain(content.answer.verdict.headline), soft_wrap=True)
    console.print(plain(f"Report: {path}"), soft_wrap=True)
    return path


def render(content: Content, directory: Path) -> str:
    """The page as HTML.

    Args:
        content: What it shows.
        directory: Where it will be, for the link to the concepts.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.globals.update(panels=_panels, key_svg=key_svg)
    study = content.study
    named = study.pair or tuple(study.models)
    names = enumerate_words([label_of(model) for model in named])
    others = [label_of(model) for model in study.models if model not in named]
    return environment.get_template("page.html").render(
        content=content,
        sections={section.key: section for section in content.sections},
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        title=f"{names} on few images of {len(study.class_names)} classes",
        data="Drawn insects" if study.is_drawn else study.first.record["data"],
        drawn=DRAWN if study.is_drawn else "",
        concepts=_concepts_link(directory),
        others=enumerate_words(others) if others else "",
    )


def _unbroken(page: str) -> str:
    """The page with numbers that do not part from their units at the end of a line."""
    return re.sub(r"(\d) (%|s|min|h|nats|points)(?![\w%])", "\\1\N{NO-BREAK SPACE}\\2", page)


def _write_files(content: Content, directory: Path, on_share: OnShare) -> None:
    for picture in content.pictures:
        save_picture(picture, directory)
        on_share((1.0 - CONTENT_SHARE) / len(content.pictures))
    write_csv(directory / "runs.csv", run_rows(content.study))
    if content.pairs:
        write_csv(directory / "differences.csv", difference_rows(content.pairs))


def _panels(picture: Picture) -> list[tuple[str, float, Markup]]:
    """Title, natural width in points and SVG of each panel."""
    return [
        (panel.title, size[0], panel_svg(panel, size, f"{picture.name}-{i}"))
        for i, (panel, size) in enumerate(zip(picture.panels, picture.sizes, strict=True))
    ]


def _concepts_link(directory: Path) -> str:
    """Relative link to docs/concepts.md for a work directory within the repository; empty elsewhere."""
    concepts = REPOSITORY / "docs" / "concepts.md"
    if not concepts.exists() or not directory.resolve().is_relative_to(REPOSITORY):
        return ""
    return Path(os.path.relpath(concepts, directory.resolve())).as_posix()
