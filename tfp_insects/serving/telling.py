"""What a command says once a table of predictions is complete: counts by class, and what a person should look at."""

import csv
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tfp_insects.data.readers.names import as_text
from tfp_insects.files import written_whole
from tfp_insects.serving import wording
from tfp_insects.serving.summary import Summary
from tfp_insects.serving.wording import Card
from tfp_insects.text import plain

Say = Callable[[str], None]


def speaker(console: Console) -> Say:
    """Says a line as it is: names that a stranger chose are neither markup nor more than text."""

    def say(line: str) -> None:
        console.print(plain(as_text(line)), soft_wrap=True)

    return say


def tell_summary(summary: Summary, card: Card, output: Path, console: Console) -> None:
    """Says what a table says as a whole, and writes the counts by class beside it.

    Args:
        summary: Of the table.
        card: The model's card.
        output: The table.
        console: Where it is said.
    """
    say = speaker(console)
    if summary.counts:
        path = output.with_name(f"{output.stem}-counts.csv")
        _write_counts(path, summary)
        console.print(_counts_table(summary))
        say(wording.counts_note(card))
    say(wording.review_share(summary, card))
    for sentence in (wording.expected_accuracy(summary, card), wording.unknown_share(summary, card)):
        if sentence:
            say(sentence)
    if summary.num_errors:
        say(f"{wording.unread(summary)}; the column error says why.")
    say(f"Table: {output}")


def _counts_table(summary: Summary) -> Table:
    table = Table("class")
    for heading in ("predicted", "estimate", "95 % interval"):
        table.add_column(heading, justify="right")
    for count in summary.counts:
        interval = f"{count.low:,.0f} to {count.high:,.0f}"
        table.add_row(plain(as_text(count.name)), f"{count.predicted:,}", f"{count.estimate:,.0f}", interval)
    if summary.num_unknown is not None:
        table.add_row(wording.UNKNOWN, f"{summary.num_unknown:,}", "", "")
    return table


def _write_counts(path: Path, summary: Summary) -> None:
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["class", "predicted", "estimate", "low", "high"])
        writer.writerows(
            [count.name, count.predicted, f"{count.estimate:.1f}", f"{count.low:.1f}", f"{count.high:.1f}"]
            for count in summary.counts
        )
        if summary.num_unknown is not None:
            writer.writerow([wording.UNKNOWN, summary.num_unknown, "", "", ""])
