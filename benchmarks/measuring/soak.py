"""One process that works for long, and what of it grows."""

import gc
import os
import shutil
import statistics
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from measuring.small_study import N_PER_CLASS, SmallStudy, draw_images
from measuring.tables import print_table, text_of, write_records
from tfp_insects.cli.config_files import load_config
from tfp_insects.cli.run import Command, run_command
from tfp_insects.runs.run_key import make_run_keys
from tfp_insects.serving.export import export_run
from tfp_insects.serving.folder import Command as Prediction
from tfp_insects.serving.folder import predict_images

MEGABYTE = 1e6
COLUMNS = ("first", "last", "growth in %")


class Sample(NamedTuple):
    """The process after a round.

    Attributes:
        seconds: Since the beginning.
        megabytes: Of memory that is its own: resident, without pages of files, which the system takes and gives as it likes.
        open_files: Its file descriptors.
        threads: Of the system.
        python_threads: Of these, those that Python knows.
        failure: What went wrong in the round, with its traceback; empty if nothing did.
    """

    seconds: float
    megabytes: float
    open_files: int
    threads: int
    python_threads: int
    failure: str = ""


def soak(
    study: SmallStudy, num_jobs: int, seconds: float, num_warm_up: int, path: Path | None, console: Console
) -> None:
    """Does rounds of work until the time is over; prints what has grown, and writes it after each round.

    Args:
        study: What is trained in each round.
        num_jobs: Runs at the same time.
        seconds: After this time no round is begun; there is one at least.
        num_warm_up: Rounds that are not counted.
        path: Of the JSON list, if any.
        console: Where the table is printed, and what went wrong.
    """
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        draw_images(root / "insects.zip")
        samples = []
        for sample in sample_rounds(lambda: work(study, num_jobs, root), seconds):
            samples.append(sample)
            write_records([to_record(samples, num_warm_up)], path)
    record = to_record(samples, num_warm_up)
    title = f"{record['rounds']} rounds in {record['minutes']:.1f} minutes, {record['failures']} failures"
    print_table(title, ["", *COLUMNS], [_row(name, record) for name in ("megabytes", "open_files", "threads")], console)
    for sample in samples:
        if sample.failure:
            console.print(sample.failure, soft_wrap=True, markup=False, highlight=False)


def work(study: SmallStudy, num_jobs: int, root: Path) -> None:
    """One round: trains, reports, exports, predicts, and removes all of it.

    Args:
        study: What is trained.
        num_jobs: Runs at the same time.
        root: Where `insects.zip` is, and everything is written.
    """
    quiet, images, place = Console(quiet=True), root / "insects.zip", root / "round"
    config = load_config("study")
    config.update_from_flattened_dict(study.overrides)
    command = Command(
        models=study.models,
        sizes=[str(N_PER_CLASS)],
        seeds=["0"],
        data=str(images),
        weights="none",
        workdir=place / "runs",
        cache_dir=root / "cache",
        num_jobs=num_jobs,
    )
    try:
        run_command(command, lambda is_drawn: config.to_dict(), quiet)
        for key in make_run_keys(list(study.models), [N_PER_CLASS], [0]):
            export_run(key.directory(command.workdir), place / "models" / key.model, num_samples=None, risk=0.05)
            table = place / f"{key.model}.csv"
            predict_images(Prediction(place / "models" / key.model, images, table, None, batch_size=32), quiet)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sample_rounds(round_of_work: Callable[[], None], seconds: float) -> Iterator[Sample]:
    """Works until the time is over, once at least, and yields the state of the process after each round."""
    started = time.monotonic()
    while True:
        failure = ""
        try:
            round_of_work()
        except Exception:
            failure = traceback.format_exc()
        gc.collect()  # What nobody refers to any more has not grown.
        yield sample_process(time.monotonic() - started, failure)
        if time.monotonic() - started >= seconds:
            return


def sample_process(seconds: float, failure: str = "") -> Sample:
    """The process as it is (Linux)."""
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return Sample(
        seconds=seconds,
        megabytes=(resident - shared) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE,
        open_files=len(os.listdir("/proc/self/fd")),
        threads=len(os.listdir("/proc/self/task")),
        python_threads=threading.active_count(),
        failure=failure,
    )


def to_record(samples: Sequence[Sample], num_warm_up: int) -> dict[str, Any]:
    """The object of the JSON list: medians of the first and of the last quarter of the rounds that count, and all rounds."""
    counted = samples[num_warm_up:] or samples[-1:]
    quarter = -(-len(counted) // 4)
    record: dict[str, Any] = {
        "minutes": samples[-1].seconds / 60,
        "rounds": len(samples),
        "warm_up_rounds": min(num_warm_up, len(samples) - 1),
        "failures": sum(bool(sample.failure) for sample in samples),
    }
    for name in ("megabytes", "open_files", "threads"):
        first, last = (
            statistics.median(getattr(sample, name) for sample in part)
            for part in (counted[:quarter], counted[-quarter:])
        )
        record[name] = {"first": first, "last": last, "growth_percent": 100 * (last / first - 1)}
    record["samples"] = [sample._asdict() for sample in samples]
    return record


def _row(name: str, record: dict[str, Any]) -> list[str]:
    figures = record[name]
    return [
        name.replace("_", " "),
        text_of(figures["first"]),
        text_of(figures["last"]),
        f"{figures['growth_percent']:+.2f}",
    ]
