"""What a command would do, without doing it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.data.split import Split
from tfp_insects.files import read_json
from tfp_insects.runs.config import RunConfig
from tfp_insects.runs.identity import first_difference, predicted_with
from tfp_insects.runs.layout import CONFIG_NAME, RECORD_NAME
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_key import RunKey
from tfp_insects.study.steps import steps_of_run


def print_plan(keys: Sequence[RunKey], split: Split, config: RunConfig, workdir: Path, console: Console) -> None:
    """Prints each run with its state and an estimate of its training time.

    The estimate takes the time of a training image from the finished runs of the same model in the same work directory:
    the median over them.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("run", "state", "steps", "minutes"):
        table.add_column(heading, justify="left" if heading in ("run", "state") else "right")
    total, unknown = 0.0, False
    for key in keys:
        steps = steps_of_run(key, split, config)
        state, share_left = _state(Run(key.directory(workdir)), config)
        minutes = _minutes(key, steps.per_run * share_left * steps.batch_size, workdir)
        unknown |= minutes is None
        total += minutes or 0.0
        table.add_row(key.name, state, str(steps.per_run), "?" if minutes is None else f"{minutes:.1f}")
    console.print(table)
    more = " and what is marked ?, for which no run of that model has finished here yet" if unknown else ""
    console.print(f"Left to train: about {total:.1f} minutes{more}.")


def _state(run: Run, config: RunConfig) -> tuple[str, float]:
    """Words for a run's state, and the share of its training that is left."""
    if not (run.directory / CONFIG_NAME).exists():
        return "to do", 1.0
    if run.is_finished:
        is_as_asked = (
            first_difference(predicted_with(run.config), predicted_with({"config": config.to_plain()})) is None
        )
        return "finished" if is_as_asked else "trained, to predict anew", 0.0
    done, epochs = len(run.history), config.training.epochs
    return f"broken off after epoch {done} of {epochs}", max(0.0, 1.0 - done / epochs)


def _minutes(key: RunKey, num_images: float, workdir: Path) -> float | None:
    """Minutes to train on so many images, each counted as often as it is seen; None where no run tells."""
    if num_images == 0:
        return 0.0
    seconds = seconds_per_image(key.model, workdir)
    return seconds * num_images / 60.0 if seconds else None


def seconds_per_image(model: str, workdir: Path) -> float | None:
    """Training time of an image, the median over the finished runs of a model; None where no run tells.

    Raises:
        InputError: A record cannot be read.
    """
    records = [read_json(path) for path in workdir.glob(f"{model}-n*-seed*/{RECORD_NAME}")]
    times = [(record.get("seconds_per_step"), record.get("batch_size")) for record in records]
    numbers = (int, float)
    seconds = [
        step / images for step, images in times if isinstance(step, numbers) and isinstance(images, int) and images > 0
    ]
    return float(np.median(seconds)) if seconds else None
