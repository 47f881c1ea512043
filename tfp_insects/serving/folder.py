"""What `scripts/predict.py` does: from a model and many images to a table, counts and a page for review."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tfp_insects.data.image_headers import in_groups
from tfp_insects.data.readers.names import counted
from tfp_insects.errors import InputError
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import Display
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import Part
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.image_files import ImageFiles, open_image_files
from tfp_insects.serving.loaded_model import LoadedModel
from tfp_insects.serving.review import MAX_IMAGES, write_review
from tfp_insects.serving.summary import Summary, summarise
from tfp_insects.serving.table import PredictionTable, open_table
from tfp_insects.serving.telling import Say, speaker, tell_summary

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
        seed: Determines the noise of all answers; none for fresh noise.
    """

    model: Path
    images: Path
    output: Path
    review: Path | None
    batch_size: int
    seed: int | None = None


def predict_images(command: Command, console: Console) -> Summary:
    """Predicts what is left, then says what the whole table says.

    Raises:
        InputError: Something that the user gave cannot be used; the message names it.
    """
    say = speaker(console)
    images = open_image_files(command.images)
    if images.left_out:
        say(images.left_out)
    display = Display(Meter(Costs()), console, "all images")
    display.meter.plan(MODEL, [Part(LOADING, 1, LOADING, LOADING_SECONDS)])
    display.meter.is_planned = False
    with display.opened():
        with display.working(MODEL) as on_work:
            model = LoadedModel(command.model, command.seed)
            on_work(LOADING)
        origin = origin_of(model.card, images, command.seed)
        with open_table(command.output, origin) as table:
            _predict(table, images, model, command.batch_size, display, say)
            summary = summarise(table.rows(), model.card, MAX_IMAGES)
    tell_summary(summary, model.card, command.output, console)
    if command.review is not None:
        page = write_review(command.review, summary, model.card, images.read, command.output)
        say(f"Images to look at: {page}")
    return summary


def origin_of(card: Mapping[str, Any], images: ImageFiles, seed: int | None) -> dict[str, Any]:
    """What a table must agree on to be continued."""
    return {"model": card["export_id"], "images": str(images.origin.resolve()), "seed": seed}


def _predict(
    table: PredictionTable, images: ImageFiles, model: LoadedModel, batch_size: int, display: Display, say: Say
) -> None:
    written = table.written()
    num_written = sum(written.among(images.names()))
    if table.num_rows:
        tell_what_is_there(table.path, table.num_rows, images, num_written, say)
    names, is_written = itertools.tee(images.names())
    names = (name for name, is_done in zip(names, written.among(is_written), strict=True) if not is_done)
    num_left = images.count - num_written
    display.meter.plan(IMAGES, [Part(ANSWERING, num_left, ANSWERING, ANSWER_SECONDS, FIRST_ANSWER, LOADING_SECONDS)])
    display.meter.is_planned = True
    with display.working(IMAGES) as on_work:
        for batch in batches(names, batch_size):
            table.append(batch, answer_images(batch, images.read, model))
            on_work(ANSWERING, len(batch))


def tell_what_is_there(path: Path, num_rows: int, images: ImageFiles, num_written: int, say: Say) -> None:
    """Says how far an older table goes; refuses it where it has none of the images that are there now.

    Args:
        path: The table.
        num_rows: Its rows.
        images: As they are now.
        num_written: How many of them the table has.
        say: Tells the user in one line.
    """
    if images.is_whole and num_written == 0:
        raise InputError(
            f"{path}: none of its {num_rows:,} rows is of an image that is in {images.origin} now. Name another "
            "output, or remove the file to start anew",
            field="output",
        )
    if num_written:
        say(f"Going on after {num_written:,} of {images.count:,} images.")
    num_gone = num_rows - num_written
    if images.is_whole and num_gone:
        rows = counted(num_gone, "row of the table is of an image", "rows of the table are of images")
        say(f"{rows} no longer there; what is in the table stays, and counts.")


def batches(names: Iterator[str], batch_size: int) -> Iterator[list[str]]:
    """The names, so many at a time."""
    while batch := list(itertools.islice(names, batch_size)):
        yield batch


def answer_images(names: Sequence[str], read: Callable[[str], bytes], model: LoadedModel) -> list[Answer]:
    """Reads and answers images; one that cannot be read costs nothing but its own answer."""
    answers: dict[int, Answer] = {}

    def readable() -> Iterator[tuple[int, bytes]]:
        for number, name in enumerate(names):
            try:
                yield number, read(name)
            except InputError as error:
                answers[number] = Answer(error=" ".join(str(error).split()))

    for group in in_groups(readable(), max_images=len(names)):  # A batch of the largest files would take gigabytes.
        numbers, contents = zip(*group, strict=True)
        answers |= zip(numbers, model.answer(contents), strict=True)
    return [answers[number] for number in range(len(names))]
