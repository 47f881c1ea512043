"""A page with the images that a person should look at, most uncertain first."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tfp_insects.data.readers.names import as_text
from tfp_insects.data.small_copies import small_copy
from tfp_insects.errors import InputError
from tfp_insects.files import written_whole
from tfp_insects.own_output import mark_own_output
from tfp_insects.serving import wording
from tfp_insects.serving.answers import has_draws
from tfp_insects.serving.summary import Summary

MAX_IMAGES = 500  # More would make the page slow; the table has all.
MAX_SIZE = 192  # pixels
QUALITY = 85
TEMPLATES = Path(__file__).parent / "templates"
PAGE_NAME = "index.html"


def write_review(
    directory: Path, summary: Summary, card: Mapping[str, Any], read: Callable[[str], bytes], table: Path
) -> Path:
    """Writes `<directory>/index.html`, which needs no other file.

    Args:
        directory: Where the page goes; it is made.
        summary: Of the whole table.
        card: The model's card.
        read: Reads an image by its path in the table.
        table: The table, to name it.

    Returns:
        The page's path.

    Raises:
        InputError: The directory cannot be written.
    """
    page = directory / PAGE_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        mark_own_output(directory)
        with written_whole(page) as temporary:
            temporary.write_text(render(summary, card, read, table), encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"review={directory}: cannot be written ({error.strerror})", field="review") from error
    return page


def render(summary: Summary, card: Mapping[str, Any], read: Callable[[str], bytes], table: Path) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    return environment.get_template("review.html").render(
        summary=summary,
        card=card,
        table=as_text(table.name),
        share=wording.review_share(summary, card),
        accuracy=wording.expected_accuracy(summary, card),
        unknown=wording.unknown_share(summary, card),
        unknown_name=wording.UNKNOWN,
        unread=wording.unread(summary),
        counts_note=wording.counts_note(card),
        has_draws=has_draws(card),
        style=Markup((TEMPLATES / "review.css").read_text(encoding="utf-8")),
        images=[(as_text(path), answer, thumbnail(read, path)) for path, answer in summary.to_review],
    )


def thumbnail(read: Callable[[str], bytes], path: str) -> str:
    """A small upright copy of an image as a data URL; empty if it cannot be made."""
    try:
        small = small_copy(read(path), MAX_SIZE, QUALITY)
    except ValueError:  # InputError is one.
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
