"""Exported models, timed in turns in one process."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from rich.console import Console

from measuring.configuration import Configuration
from measuring.models import make_model
from measuring.tables import print_table, text_of
from tfp_insects.data.pipeline import Preprocessing
from tfp_insects.serving.graph import ServedModel, ServingOptions

MEAN = "bnn_mean"
MODELS = ("cnn", "bnn_head", "bnn_classifier", MEAN, "bnn")
NUM_LOGIT_DRAWS = 64
BASELINE = MODELS[0]


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all exports share.

    Attributes:
        image_size: Side of the square input in pixels; the images sent are as large.
        width_multiplier: Factor of all widths; 1 is AlexNet.
        num_samples: Draws of what lies before the dense layers; `bnn_mean` has its mean instead.
    """

    image_size: int
    width_multiplier: float
    num_samples: int


def measure_exports(
    setting: Setting, batch_sizes: Sequence[int], repeats: int, console: Console
) -> list[dict[str, Any]]:
    """Exports each model, loads it, and times `serving_default`; prints a table and returns the JSON objects."""
    with tempfile.TemporaryDirectory() as directory:
        exports = {name: _export(name, setting, Path(directory) / name) for name in MODELS}
    records = []
    for batch_size in batch_sizes:
        images = tf.constant(_encoded_images(batch_size, setting.image_size))
        times = _time_in_turns(exports, images, repeats)
        records += [_record(name, batch_size, times) for name in MODELS]
    _print(records, setting, console)
    return records


def _export(name: str, setting: Setting, directory: Path) -> Any:
    configuration = Configuration(
        model="bnn" if name == MEAN else name,
        dtype="float32",
        image_size=setting.image_size,
        width_multiplier=setting.width_multiplier,
    )
    class_names = tuple(f"class_{i}" for i in range(configuration.num_classes))
    names_file = directory.with_suffix(".txt")
    names_file.write_text("\n".join(class_names))
    num_samples = 1 if name == MEAN else setting.num_samples
    preprocessing = Preprocessing(setting.image_size)
    options = ServingOptions(preprocessing, class_names, num_samples, NUM_LOGIT_DRAWS, threshold=0.5)
    served = ServedModel(make_model(configuration), options, names_file)
    tf.saved_model.save(served, str(directory), {"serving_default": served.predict_bytes})
    tf_keras.backend.clear_session()
    return tf.saved_model.load(str(directory))


def _encoded_images(count: int, size: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, size, size, 3)).astype(np.uint8)
    return [tf.io.encode_jpeg(image).numpy() for image in pixels]


def _time_in_turns(exports: dict[str, Any], images: tf.Tensor, repeats: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in exports}
    for round_number in range(repeats + 1):
        for name, loaded in exports.items():
            start = time.perf_counter()
            loaded.signatures["serving_default"](image_bytes=images)["probabilities"].numpy()
            if round_number > 0:  # The first round warms up.
                times[name].append(1e3 * (time.perf_counter() - start))
    return times


def _record(name: str, batch_size: int, times: dict[str, list[float]]) -> dict[str, Any]:
    milliseconds = statistics.median(times[name])
    ratios = [mine / other for mine, other in zip(times[name], times[BASELINE], strict=True)]
    return {
        "model": name,
        "batch_size": batch_size,
        "milliseconds": round(milliseconds, 3),
        "images_per_second": round(1e3 * batch_size / milliseconds, 3),
        "times_cnn": round(statistics.median(ratios), 3),
    }


def _print(records: Sequence[dict[str, Any]], setting: Setting, console: Console) -> None:
    rows = [
        [
            f"{record['model']} batch {record['batch_size']}",
            text_of(record["milliseconds"]),
            text_of(record["images_per_second"]),
            text_of(record["times_cnn"]),
        ]
        for record in records
    ]
    title = f"serving_default, {setting.num_samples} draws, {setting.image_size} px, width {setting.width_multiplier:g}"
    print_table(title, ("export", "ms", "images/s", "x CNN"), rows, console)
