import io
import os

import pytest
from rich.console import Console

from tfp_insects.text import plain, readable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bombus [cf. terrestris]", "Bombus [cf. terrestris]"),
        (os.fsdecode(b"abeille caf\xe9"), "abeille caf\\udce9"),
        ("two\nlines\x1b[31m", "two\\nlines\\x1b[31m"),
        ("turned \u202egnp.exe", "turned \\u202egnp.exe"),
        ("蜜蜂 é \u0645\u06cc\u200c\u062e", "蜜蜂 é \u0645\u06cc\u200c\u062e"),
    ],
)
def test_text_is_shown_as_it_is_and_what_cannot_be_seen_as_an_escape(text: str, shown: str) -> None:
    assert readable(text) == shown
    readable(text).encode("utf-8")


@pytest.mark.parametrize(
    "text", ["Bombus [cf. terrestris]", "[bold]x[/bold]", "[/red]", ":bee: :warning:", "a\\[b]", "42"]
)
def test_a_console_takes_nothing_of_it_for_markup(text: str) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="truecolor")
    console.print(plain(text))
    assert console.file.getvalue() == f"{text}\n"


def test_long_text_loses_its_middle() -> None:
    assert shortened("short", 5) == "short"
    assert shortened("0123456789", 7) == "012…789"
    assert shortened("0123456789", 8) == "0123…789"
