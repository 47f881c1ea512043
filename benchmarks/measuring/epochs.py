"""What caching frozen features saves, what memory training takes, and whether steps wait for images."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from measuring.configuration import Configuration
from measuring.processes import Measurement
from measuring.tables import measure_with_progress, print_table, ratio, text_of, to_record

FROZEN_MODELS = ("cnn_head", "bnn_head", "cnn_classifier", "bnn_classifier")
TWINS = ("cnn", "bnn")
MEMORY_GROWTH = 10  # How many times more training images the second row of each twin has.


def compare_features(common: Configuration, repeats: int, console: Console) -> list[dict[str, Any]]:
    """Times epochs with and without cached features, both in turns; prints a table and returns the JSON objects."""
    modes = ("epoch_images", "epoch_features")
    rows = [dataclasses.replace(common, model=model, mode=mode) for model in FROZEN_MODELS for mode in modes]
    found = measure_with_progress(rows, repeats, "epochs with and without cached features", console)
    by_row = {(one.configuration.model, one.configuration.mode): one for one in found}
    table = []
    for model in FROZEN_MODELS:
        images, features = by_row[model, modes[0]], by_row[model, modes[1]]
        cnn = by_row["cnn_" + model.split("_")[1], modes[1]]
        times = [text_of(to_record(one)["milliseconds"]) for one in (images, features)]
        table.append([model, *times, text_of(ratio(images, features)), text_of(ratio(features, cnn))])
    title = f"one epoch, {_num_images(common)} images, {common.dtype}, batch size {common.batch_size}"
    print_table(title, ("model", "images ms", "features ms", "times cheaper", "features x CNN"), table, console)
    return [to_record(one) for one in found]


def compare_memory(common: Configuration, console: Console) -> list[dict[str, Any]]:
    """Peaks of memory of both twins on few and on many images; prints a table, returns the JSON objects.

    Many images are seen once and few as often as makes as many steps, since memory also grows with the number of steps until
    its free pieces fit.
    """
    epochs = {common.n_per_class: MEMORY_GROWTH, MEMORY_GROWTH * common.n_per_class: 1}
    found: list[Measurement] = []
    for size, num_epochs in epochs.items():
        for model in TWINS:  # One after the other: two at once could make the machine swap.
            row = dataclasses.replace(common, model=model, mode="epoch_images", n_per_class=size)
            found += measure_with_progress([row], num_epochs - 1, f"{model}, {size} images a class", console)
    cnn = {one.configuration.n_per_class: one for one in found if one.configuration.model == "cnn"}
    table = [_memory_row(one, cnn[one.configuration.n_per_class]) for one in found]
    title = f"peak memory of training, {common.dtype}, batch size {common.batch_size}"
    print_table(title, ("model", "images", "peak MB", "x CNN"), table, console)
    return [_memory_record(one) for one in found]


def _memory_row(measurement: Measurement, cnn: Measurement) -> list[str]:
    peak = measurement.peak_megabytes
    return [
        measurement.configuration.model,
        str(measurement.num_images),
        text_of(peak),
        text_of(peak / cnn.peak_megabytes),
    ]


def _memory_record(measurement: Measurement) -> dict[str, Any]:
    configuration = measurement.configuration
    return {
        "model": configuration.model,
        "mode": configuration.mode,
        "dtype": configuration.dtype,
        "batch_size": configuration.batch_size,
        "num_train_examples": measurement.num_images,
        "peak_megabytes": round(measurement.peak_megabytes, 1),
    }


def _num_images(configuration: Configuration) -> int:
    return configuration.n_per_class * configuration.num_classes


def compare_with_steps(
    common: Configuration, data: Sequence[str], repeats: int, console: Console
) -> list[dict[str, Any]]:
    """Times the input pipeline alone, the CNN's step alone and both together, in turns.

    Args:
        common: Fields of all rows; `n_per_class` and `batch_size` make the epoch.
        data: Values of `--data`.
        repeats: Rounds.
        console: Where the table goes.

    Returns:
        JSON objects: `data`, `dtype`, `batch_size`, and images a second of the pipeline, of the CNN's step on one batch that
        is there already, and of the CNN's epoch on images from the pipeline.
    """
    records = []
    for spec in data:
        modes = ("epoch_pipeline", "train", "epoch_images")
        rows = [dataclasses.replace(common, model="cnn", mode=mode, data=spec) for mode in modes]
        found = measure_with_progress(rows, repeats, f"input pipeline on {spec}", console)
        pipeline, step, fed = (to_record(one)["images_per_second"] for one in found)
        records.append(
            {
                "data": spec,
                "dtype": common.dtype,
                "batch_size": common.batch_size,
                "pipeline_images_per_second": pipeline,
                "step_images_per_second": step,
                "fed_images_per_second": fed,
            }
        )
    _print_pipeline(records, common, console)
    return records


def _print_pipeline(records: Sequence[dict[str, Any]], common: Configuration, console: Console) -> None:
    names = ("pipeline", "step", "fed")
    rates = [[record[f"{name}_images_per_second"] for name in names] for record in records]
    rows = [
        [record["data"], *map(text_of, (pipeline, step, fed, pipeline / step, fed / step))]
        for record, (pipeline, step, fed) in zip(records, rates, strict=True)
    ]
    title = f"images a second, {common.dtype}, batch size {common.batch_size}"
    headings = ("data", "pipeline alone", "step alone", "step fed", "pipeline / step", "fed / alone")
    print_table(title, headings, rows, console)
