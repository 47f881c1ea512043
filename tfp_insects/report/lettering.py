"""Names from outside in pictures: short enough, in a font that has their letters, else by the class's number."""

import contextlib
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from matplotlib import font_manager

from tfp_insects.text import readable, shortened

DEFAULT_FONT = "DejaVu Sans"  # Comes with matplotlib.
REGULAR_WEIGHTS = (400, "normal", "regular", "book")


class Lettering(NamedTuple):
    """How some names are written in a picture.

    Attributes:
        labels: What is written, by place among all names.
        fonts: Fonts in which it is drawn, the later ones for what the earlier ones lack.
        undrawn: Names of which no font here has all letters, by what is written instead.
    """

    labels: Mapping[int, str]
    fonts: Sequence[str]
    undrawn: Mapping[str, str]

    @property
    def key(self) -> str:
        """A sentence that tells the names that are not drawn; empty where all are."""
        if not self.undrawn:
            return ""
        pairs = ", ".join(f"{label} is {name}" for label, name in self.undrawn.items())
        return f" No font here has the letters of some names: {pairs}."


def letter(names: Sequence[str], places: Iterable[int], num_characters: int) -> Lettering:
    """Writes some of the names so that each can be drawn and told from the others.

    Args:
        names: All names.
        places: Those that are written, by their places.
        num_characters: Most characters of a label; longer names lose their middle.
    """
    wanted = {place: readable(names[place]) for place in places}
    fonts, missing = _fonts_for({character for name in wanted.values() for character in name})
    labels, undrawn = {}, {}
    for place, name in wanted.items():
        labels[place] = shortened(name, num_characters)
        if missing & set(name):
            labels[place] = f"class {place}"
            undrawn[labels[place]] = name
    written = list(labels.values())
    alike = {place for place, label in labels.items() if written.count(label) > 1}
    return Lettering(
        {place: f"{place}: {label}" if place in alike else label for place, label in labels.items()}, fonts, undrawn
    )


def _fonts_for(characters: set[str]) -> tuple[list[str], set[str]]:
    """Fonts that have the characters, the default first, and the characters that none has."""
    default = font_manager.findfont(DEFAULT_FONT)
    fonts, missing = [DEFAULT_FONT], _missing(characters, default)
    for entry in _installed() if missing else ():
        left = _missing(missing, entry.fname)
        if len(left) < len(missing):
            fonts, missing = [*fonts, entry.name], left
        if not missing:
            break
    return fonts, missing


def _installed() -> list[font_manager.FontEntry]:
    """Upright fonts of regular weight, those without serifs first, whose list begins with the ones for many scripts."""
    _add_new_fonts()
    regular = [
        entry
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and entry.weight in REGULAR_WEIGHTS and entry.name != DEFAULT_FONT
    ]
    return sorted(regular, key=lambda entry: ("Noto Sans" not in entry.name, "Sans" not in entry.name, entry.name))


def _add_new_fonts() -> None:
    """Tells matplotlib of fonts that were installed after it last made its own list of them, which it keeps for good."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        with contextlib.suppress(
            OSError, RuntimeError, ValueError
        ):  # A file that cannot be read is no font to draw with.
            font_manager.fontManager.addfont(path)


def _missing(characters: set[str], path: str) -> set[str]:
    has = _characters_of(path)
    return {character for character in characters if ord(character) not in has}


@functools.cache
def _characters_of(path: str) -> frozenset[int]:
    """Characters that a font file has; none where it cannot be read or is a bitmap, which pictures cannot scale."""
    try:
        font = font_manager.get_font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
