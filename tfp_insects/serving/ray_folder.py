"""Predictions over very many images: shards of them go to the workers of a Ray cluster, by Ray Data.

A worker loads the model once, and writes each of its shards itself; what it hands back is a few numbers. A shard whose worker
dies is answered again by another.
"""

import dataclasses
import functools
import itertools
import logging
import os
import resource
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from tfp_insects.errors import InputError
from tfp_insects.progress.costs import Costs
from tfp_insects.progress.display import Display
from tfp_insects.progress.meter import Meter
from tfp_insects.progress.work import Part
from tfp_insects.ray_cluster import Cluster, Share, connected
from tfp_insects.serving.folder import (
    ANSWER_SECONDS,
    ANSWERING,
    FIRST_ANSWER,
    IMAGES,
    LOADING_SECONDS,
    answer_images,
    batches,
    origin_of,
    tell_what_is_there,
)
from tfp_insects.serving.image_files import ImageFiles, Read, open_image_files, open_reader
from tfp_insects.serving.loaded_model import LoadedModel, newest_version, read_card
from tfp_insects.serving.review import MAX_IMAGES, write_review
from tfp_insects.serving.shards import Shards, name_of, open_shards, storable
from tfp_insects.serving.summary import Summary, summarise
from tfp_insects.serving.telling import Say, speaker, tell_summary
from tfp_insects.startup import use_threads

IMAGES_A_WAVE = 1_000_000  # So many names are in memory at once; between two waves, workers load the model again.
KIBIBYTES_A_MEGABYTE = 1024


@dataclasses.dataclass(frozen=True)
class RayCommand:
    """What the user asked for, as in the flags of `scripts/predict.py` with `--engine=ray`.

    Attributes:
        model: A model's directory, or that of one version.
        images: An image, a list, or a folder or a zip of images.
        output: The directory of the shards to write or to continue.
        review: Directory of the page for review, or none.
        batch_size: Images answered at once.
        seed: Determines the noise of all answers; none for fresh noise.
        shard_size: Images of a shard.
        jobs: Workers on each machine, its cores and GPUs shared out.
        ray_address: Of the cluster's head; see `connected`.
    """

    model: Path
    images: Path
    output: Path
    review: Path | None
    batch_size: int
    seed: int | None
    shard_size: int
    jobs: int
    ray_address: str = ""


class Done(NamedTuple):
    """A shard that is written.

    Attributes:
        number: Of the shard.
        images: Its rows.
        worker: Machine and process that wrote it.
        megabytes: The most memory that this process has had so far.
        failure: Why it was not written, where that is for the user to mend; else empty.
    """

    number: int
    images: int
    worker: str
    megabytes: float
    failure: str = ""


OnShard = Callable[[Done], object]


def predict_on_ray(command: RayCommand, console: Console, on_shard: OnShard = lambda done: None) -> Summary:
    """Predicts what is left, then says what all shards say.

    Args:
        command: What the user asked for.
        console: Where it is said.
        on_shard: Told of each shard as it is written.

    Raises:
        InputError: Something that the user gave cannot be used, or the cluster cannot; the message names it.
    """
    say = speaker(console)
    command = _for_any_machine(command)
    with connected(command.ray_address) as cluster:
        images = open_image_files(command.images)
        if images.left_out:
            say(images.left_out)
        card = read_card(newest_version(command.model))
        with open_shards(command.output, origin_of(card, images, command.seed)) as shards:
            _answer_left(cluster, command, shards, images, console, on_shard)
            _require_each_once(shards)
            summary = summarise(shards.rows(), card, MAX_IMAGES)
    tell_summary(summary, card, command.output, console)
    if command.review is not None:
        page = write_review(command.review, summary, card, images.read, command.output)
        say(f"Images to look at: {page}")
    return summary


def _answer_left(
    cluster: Cluster, command: RayCommand, shards: Shards, images: ImageFiles, console: Console, on_shard: OnShard
) -> None:
    names, num_left = _names_left(shards, images, speaker(console))
    display = Display(Meter(Costs()), console, "all images")
    display.meter.plan(IMAGES, [Part(ANSWERING, num_left, ANSWERING, ANSWER_SECONDS, FIRST_ANSWER, LOADING_SECONDS)])
    with display.opened(), display.working(IMAGES) as on_work:
        for done in _answer_all(cluster, command, shards, names):
            on_work(ANSWERING, done.images)
            on_shard(done)


def _for_any_machine(command: RayCommand) -> RayCommand:
    """The same with whole paths, which mean the same in each process of a cluster."""
    return dataclasses.replace(
        command,
        model=command.model.absolute(),
        images=command.images.absolute(),
        output=command.output.absolute(),
    )


def _names_left(shards: Shards, images: ImageFiles, say: Say) -> tuple[Iterator[str], int]:
    """The names of images that are in no shard, and their number."""
    written, num_rows = shards.written()
    num_written = sum(written.among(images.names()))
    if num_rows:
        tell_what_is_there(shards.directory, num_rows, images, num_written, say)
    names, is_written = itertools.tee(images.names())
    left = (name for name, is_done in zip(names, written.among(is_written), strict=True) if not is_done)
    return left, images.count - num_written


def _require_each_once(shards: Shards) -> None:
    """Two workers cannot have written one image, unless a file system lost a shard for a while; then it is said."""
    written, num_rows = shards.written()
    if written.count != num_rows:
        raise InputError(
            f"output={shards.directory}: {num_rows - written.count:,} images are in two shards. Give another output",
            field="output",
        )


def _answer_all(cluster: Cluster, command: RayCommand, shards: Shards, names: Iterator[str]) -> Iterator[Done]:
    """Answers all images, wave after wave, and yields shards as they are written."""
    share = cluster.share(command.jobs)
    numbered = enumerate(batches(names, command.shard_size), start=shards.next_number)
    a_wave = max(share.num_at_once, IMAGES_A_WAVE // command.shard_size)
    while wave := list(itertools.islice(numbered, a_wave)):
        yield from _answer_wave(cluster, share, command, shards, wave)


def _answer_wave(
    cluster: Cluster, share: Share, command: RayCommand, shards: Shards, wave: list[tuple[int, list[str]]]
) -> Iterator[Done]:
    data = _ray_data()
    rows = [{"number": number, "names": list(map(storable, names))} for number, names in wave]
    answered = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Worker,
        fn_constructor_kwargs={"command": command, "mark": shards.mark, "num_threads": share.cpus},
        batch_size=1,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(size=min(share.num_at_once, len(rows))),
        num_cpus=share.cpus,
        num_gpus=share.gpus or None,
    )
    try:
        for row in answered.iter_rows():
            done = Done(**row)
            if done.failure:
                raise InputError(done.failure)
            yield done
    except cluster.ray.exceptions.RayError:
        cluster.require_head()
        raise


def _ray_data() -> Any:
    from ray import data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    return data


class Worker:
    """Answers shards, in a process that Ray Data keeps for them.

    Args:
        command: What the user asked for.
        mark: Of the command; see `Shards`.
        num_threads: Cores of this process.
    """

    def __init__(self, command: RayCommand, mark: str, num_threads: int) -> None:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # As commands set it.
        use_threads(num_threads)
        self._shards = Shards(command.output, mark)
        self._command = command

    @functools.cached_property
    def _read(self) -> Read:
        # With the first shard: what goes wrong while a worker starts is not told.
        return open_reader(self._command.images)

    @functools.cached_property
    def _model(self) -> LoadedModel:
        return LoadedModel(self._command.model, self._command.seed)

    def __call__(self, rows: Any) -> Mapping[str, list[Any]]:
        """Answers and writes the shards of a table with the columns `number` and `names`."""
        done = [self._answer(row["number"], list(map(name_of, row["names"]))) for row in rows.to_pylist()]
        return {field: [getattr(one, field) for one in done] for field in Done._fields}

    def _answer(self, number: int, names: list[str]) -> Done:
        failure = ""
        try:
            self._write(number, names)
        except InputError as error:  # Of an exception, Ray Data hands on the words alone.
            failure = str(error)
        kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        worker = f"{socket.gethostname()} {os.getpid()}"
        return Done(number, len(names), worker, kibibytes / KIBIBYTES_A_MEGABYTE, failure)

    def _write(self, number: int, names: list[str]) -> None:
        self._shards.begin(number, names)
        answers = [
            answer
            for batch in batches(iter(names), self._command.batch_size)
            for answer in answer_images(batch, self._read, self._model)
        ]
        self._shards.write(number, names, answers)
