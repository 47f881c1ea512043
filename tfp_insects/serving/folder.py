"""What `scripts/predict.py` does: from a model and many images to a table, counts and a page for review."""

import csv
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tfp_insects.data.image_headers import in_groups
from tfp_insects.data.readers.names import as_text, counted
from tfp_insects.errors import InputError
from tfp_insects.files import written_whole
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import Display
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import Part
from tfp_insects.serving import wording
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.image_files import ImageFiles, open_image_files
from tfp_insects.serving.loaded_model import LoadedModel
from tfp_insects.serving.review import MAX_IMAGES, write_review
from tfp_insects.serving.summary import Summary, summarise
from tfp_insects.serving.table import PredictionTable, open_table
from tfp_insects.text import plain

Say = Callable[[str], None]
MODEL, IMAGES = "model", "images"
LOADING, ANSWERING, FIRST_ANSWER = "loading", "answering", "first answer"
LOADING_SECONDS, ANSWER_SECONDS = 5.0, 0.01  # Guesses, in relation to each other.


@dataclasses.dataclass(frozen=True)
class Command:
    """What the user asked for, as in the flags of `scripts/predict.py`.

    Attributes:
        model: A model's directory, or that of one version.
        images: An image, or a folder or a zip of them.
        output: The table to write or to continue.
        review: Directory of the page for review, or none.
        batch_size: Images answered at once.
    """

    model: Path
    images: Path
    output: Path
    review: Path | None
    batch_size: int


def predict_images(command: Command, console: Console) -> Summary:
    """Predicts what is left, then says what the whole table says.

    Raises:
        InputError: Something that the user gave cannot be used; the message names it.
    """
    say = _speaker(console)
    images = open_image_files(command.images)
    if images.left_out:
        say(images.left_out)
    display = Display(Meter(Costs()), console, "all images")
    display.meter.plan(MODEL, [Part(LOADING, 1, LOADING, LOADING_SECONDS)])
    display.meter.is_planned = False
    with display.opened():
        with display.working(MODEL) as on_work:
            model = LoadedModel(command.model)
            on_work(LOADING)
        origin = {"model": model.card["export_id"], "images": str(images.origin.resolve())}
        with open_table(command.output, origin) as table:
            _predict(table, images, model, command.batch_size, display, say)
            summary = summarise(table.rows(), model.card, MAX_IMAGES)
    _tell(summary, model, command, console)
    if command.review is not None:
        page = write_review(command.review, summary, model.card, images.read, command.output)
        say(f"Images to look at: {page}")
    return summary


def _speaker(console: Console) -> Say:
    """Says a line as it is: names that a stranger chose are neither markup nor more than text."""

    def say(line: str) -> None:
        console.print(plain(as_text(line)), soft_wrap=True)

    return say


def _predict(
    table: PredictionTable, images: ImageFiles, model: LoadedModel, batch_size: int, display: Display, say: Say
) -> None:
    written = table.written()
    num_written = sum(written.among(images.names()))
    if table.num_rows:
        _tell_what_is_there(table, images, num_written, say)
    names, is_written = itertools.tee(images.names())
    names = (name for name, is_done in zip(names, written.among(is_written), strict=True) if not is_done)
    num_left = images.count - num_written
    display.meter.plan(IMAGES, [Part(ANSWERING, num_left, ANSWERING, ANSWER_SECONDS, FIRST_ANSWER, LOADING_SECONDS)])
    display.meter.is_planned = True
    with display.working(IMAGES) as on_work:
        for batch in _batches(names, batch_size):
            table.append(batch, _answer(batch, images, model))
            on_work(ANSWERING, len(batch))


def _tell_what_is_there(table: PredictionTable, images: ImageFiles, num_written: int, say: Say) -> None:
    """Says how far an older table goes; refuses it where it has none of the images that are there now."""
    if images.is_whole and num_written == 0:
        raise InputError(
            f"{table.path}: none of its {table.num_rows:,} rows is of an image that is in {images.origin} now. Name another "
            "output, or remove the file to start anew",
            field="output",
        )
    if num_written:
        say(f"Going on after {num_written:,} of {images.count:,} images.")
    num_gone = table.num_rows - num_written
    if images.is_whole and num_gone:
        rows = counted(num_gone, "row of the table is of an image", "rows of the table are of images")
        say(f"{rows} no longer there; what is in the table stays, and counts.")


def _batches(names: Iterator[str], batch_size: int) -> Iterator[list[str]]:
    while batch := list(itertools.islice(names, batch_size)):
        yield batch


def _answer(names: Sequence[str], images: ImageFiles, model: LoadedModel) -> list[Answer]:
    answers: dict[int, Answer] = {}

    def readable() -> Iterator[tuple[int, bytes]]:
        for number, name in enumerate(names):
            try:
                yield number, images.read(name)
            except InputError as error:
                answers[number] = Answer(error=" ".join(str(error).split()))

    for group in in_groups(readable(), max_images=len(names)):  # A batch of the largest files would take gigabytes.
        numbers, contents = zip(*group, strict=True)
        answers |= zip(numbers, model.answer(contents), strict=True)
    return [answers[number] for number in range(len(names))]


def _tell(summary: Summary, model: LoadedModel, command: Command, console: Console) -> None:
    say = _speaker(console)
    if summary.counts:
        path = command.output.with_name(f"{command.output.stem}-counts.csv")
        _write_counts(path, summary)
        console.print(_counts_table(summary))
        say(wording.counts_note(model.card))
    say(wording.review_share(summary, model.card))
    for sentence in (wording.expected_accuracy(summary, model.card), wording.unknown_share(summary, model.card)):
        if sentence:
            say(sentence)
    if summary.num_errors:
        say(f"{wording.unread(summary)}; the column error says why.")
    say(f"Table: {command.output}")


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
