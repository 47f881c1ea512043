"""One folder of generated images, predicted by each engine under one seed."""

import dataclasses
import io
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console

from measuring.configuration import Configuration
from measuring.models import make_model
from tfp_insects.data.painted.source import draw_example
from tfp_insects.data.painted.species_study import STUDY_SPECIES
from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.files import write_json
from tfp_insects.serving.answers import Answer
from tfp_insects.serving.folder import Command, predict_images
from tfp_insects.serving.graph import ServedModel, ServingOptions
from tfp_insects.serving.layout import MODEL_CARD_NAME
from tfp_insects.serving.ray_folder import Done, RayCommand, predict_on_ray
from tfp_insects.serving.shards import Shards
from tfp_insects.serving.table import open_table

SEED = 5
NUM_DRAWN = 200  # Different pictures; the others are copies under other names.
NUM_LOGIT_DRAWS = 64
THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is predicted, and how; see the flags of `benchmarks/scale.py`."""

    num_images: int
    model: str
    image_size: int
    width_multiplier: float
    batch_size: int
    shard_size: int
    jobs: int
    kills: bool


def measure_predictions(setting: Setting, console: Console) -> dict[str, Any]:
    """Predicts by both engines, prints what came out, and returns it as a JSON object."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_images(folder / "images", setting.num_images)
        _export(setting, folder / "model" / "1")
        local = _local(setting, folder)
        ray = _ray(setting, folder)
        record = {**dataclasses.asdict(setting), **local, **ray, **_compare(folder, setting.num_images)}
    for name, value in record.items():
        console.print(f"{name}: {value}", highlight=False)
    return record


def _write_images(folder: Path, count: int) -> None:
    folder.mkdir()
    drawn = [draw_example(STUDY_SPECIES[i % len(STUDY_SPECIES)], 0, i) for i in range(min(count, NUM_DRAWN))]
    for i in range(count):
        (folder / f"{i:06}.jpg").write_bytes(drawn[i % len(drawn)])


def _export(setting: Setting, version: Path) -> None:
    """An export of random weights, with as much of a card as predictions need."""
    configuration = Configuration(
        model=setting.model,
        dtype="float32",
        image_size=setting.image_size,
        width_multiplier=setting.width_multiplier,
    )
    names = tuple(f"class_{i}" for i in range(configuration.num_classes))
    version.parent.mkdir()
    names_file = version.parent / "class_names.txt"
    names_file.write_text("\n".join(names))
    options = ServingOptions(Preprocessing(setting.image_size), names, 2, NUM_LOGIT_DRAWS, THRESHOLD)
    served = ServedModel(make_model(configuration), options, names_file)
    signatures = {"serving_default": served.predict_bytes, "predict_bytes_seeded": served.predict_bytes_seeded}
    tf.saved_model.save(served, str(version), signatures)
    names_file.unlink()
    card = {
        "export_id": "benchmark",
        "class_names": list(names),
        "prediction_method": "one_pass" if setting.model == "cnn" else "moments",
        "test_confusion": (50 * np.eye(len(names), dtype=int)).tolist(),
        "num_test_examples": 50 * len(names),
        "accepted": {"risk": 0.05, "threshold": THRESHOLD, "test": {"accuracy": None, "num_accepted": 0}},
    }
    write_json(version / MODEL_CARD_NAME, card)


def _local(setting: Setting, folder: Path) -> dict[str, Any]:
    command = Command(folder / "model", folder / "images", folder / "local.csv", None, setting.batch_size, SEED)
    seconds = _seconds(lambda: predict_images(command, Console(file=io.StringIO())))
    return {"local_images_a_second": round(setting.num_images / seconds, 1)}


def _ray(setting: Setting, folder: Path) -> dict[str, Any]:
    heard: list[tuple[float, Done]] = []
    killed: list[int] = []

    def hear(done: Done) -> None:
        heard.append((time.perf_counter(), done))
        if setting.kills and not killed and sum(one.images for _, one in heard) >= setting.num_images / 2:
            killed.append(int(done.worker.split()[1]))
            os.kill(killed[0], signal.SIGKILL)

    model, images, output = folder / "model", folder / "images", folder / "shards"
    command = RayCommand(model, images, output, None, setting.batch_size, SEED, setting.shard_size, setting.jobs)
    seconds = _seconds(lambda: predict_on_ray(command, Console(file=io.StringIO()), hear))
    (first, one), (last, _) = heard[0], heard[-1]
    num_later = sum(done.images for _, done in heard) - one.images
    return {
        "ray_images_a_second": round(setting.num_images / seconds, 1),
        "ray_images_a_second_after_the_first_shard": round(num_later / (last - first), 1) if num_later else None,
        "workers_killed": len(killed),
        "megabytes_of_workers": _growth([done for _, done in heard]),
    }


def _growth(shards: list[Done]) -> dict[str, list[int]]:
    """The peak of each worker after its first shard, a half, and its last one."""
    by_worker: dict[str, list[int]] = {}
    for done in shards:
        by_worker.setdefault(f"worker {done.worker.split()[1]}", []).append(round(done.megabytes))
    return {name: [peaks[0], peaks[len(peaks) // 2], peaks[-1]] for name, peaks in by_worker.items()}


def _compare(folder: Path, count: int) -> dict[str, Any]:
    found = list(Shards(folder / "shards").rows())
    with open_table(folder / "local.csv", {}) as table:
        expected = dict(table.rows())
    names = [name for name, _ in found]
    differences = [_difference(one, expected[name]) for name, one in found]
    return {
        "rows": len(found),
        "each_once": sorted(names) == [f"{i:06}.jpg" for i in range(count)],
        "largest_difference": max(differences),
        "other_classes": sum(one.predicted_class != expected[name].predicted_class for name, one in found),
    }


def _difference(one: Answer, other: Answer) -> float:
    return max(abs(a - b) for a, b in zip(_numbers(one), _numbers(other), strict=True))


def _numbers(answer: Answer) -> Iterator[float]:
    yield from (answer.probability, answer.entropy, answer.aleatoric, answer.epistemic or 0.0)


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
