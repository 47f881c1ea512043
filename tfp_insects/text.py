"""Text from outside (names of files, classes and data) made fit to be shown: as it is, and never taken for markup."""

import unicodedata

from rich.text import Text

SHORTENED = "\N{HORIZONTAL ELLIPSIS}"
# Control characters, format characters that turn text around, lone surrogates (bytes that are no UTF-8), line ends.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # Part of how Persian or Hindi is written.


def readable(text: str) -> str:
    r"""The text with what cannot be seen, or cannot be written as UTF-8, as an escape such as `\udce9` or `\n`."""
    return "".join(
        character.encode("unicode_escape").decode() if _is_unseen(character) else character for character in text
    )


def shortened(text: str, num_characters: int) -> str:
    """The text with its middle left out where it is longer than so many characters."""
    if len(text) <= num_characters:
        return text
    end = (num_characters - 1) // 2
    return f"{text[: num_characters - 1 - end]}{SHORTENED}{text[len(text) - end :]}"


def plain(text: str) -> Text:
    """The text for a `rich` console or table, where brackets and colons would else be taken for styles and emoji."""
    return Text(readable(text))


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN and character not in JOINERS
