"""What `scripts/posterior.py` writes about a finished BNN."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras
from rich import box
from rich.console import Console
from rich.table import Table

from tfp_insects.bayes.divergence import bayesian_layers
from tfp_insects.bayes.posterior import PRUNED_SHARES, layer_posteriors, predictions_when_pruned, summarise_layer
from tfp_insects.data.pipeline import Examples, Preprocessing, evaluation_dataset
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, written_whole
from tfp_insects.metrics.scores import accuracy, negative_log_likelihood
from tfp_insects.report.posterior_pictures import PosteriorPicture
from tfp_insects.runs.layout import TEST_NAME
from tfp_insects.text import plain

Row = Mapping[str, Any]

# What of a row fits a terminal of 80 columns; the CSV file has all.
LAYER_COLUMNS = {
    "layer": "layer",
    "num_weights": "weights",
    "loc_q05": "loc 5%",
    "loc_q95": "95%",
    "scale_q50": "scale",
    "snr_q05": "SNR 5%",
    "snr_q50": "50%",
    "snr_q95": "95%",
    "kl_per_weight": "KL/weight",
}
PRUNING_COLUMNS = {"pruned_share": "pruned", "accuracy": "accuracy", "nll": "NLL"}


class Pruned(NamedTuple):
    """Quality on a labelled set after a share of the weights was set to zero; `nll` in nats an image."""

    share: float
    accuracy: float
    nll: float


def describe_posterior(model: tf_keras.Sequential, directory: Path, console: Console) -> None:
    """Prints a row a layer, and writes `posterior.csv` and `posterior.png` into the run's directory.

    Raises:
        InputError: The model has no Bayesian layer.
    """
    num_layers = len(bayesian_layers(model))
    if not num_layers:
        raise InputError(
            f"{directory}: this run's model has no Bayesian layer; expected a run of model bnn", field="run"
        )
    picture, rows = PosteriorPicture(num_layers), []
    for i, posterior in enumerate(layer_posteriors(model)):
        rows.append(summarise_layer(posterior))
        picture.add(i, posterior)
    picture.write(directory / "posterior.png")
    _write_rows(directory / "posterior.csv", rows)
    console.print(
        "Posterior of each layer's weights as it was trained (predictions can be colder, and have a covariance in the last "
        "layer): quantiles of loc, scale and signal-to-noise ratio |loc| / scale",
        soft_wrap=True,
    )
    _print_rows(rows, LAYER_COLUMNS, console)


def describe_pruning(
    model: tf_keras.Sequential, examples: Examples, preprocessing: Preprocessing, directory: Path, console: Console
) -> list[Pruned]:
    """Prints how good the test predictions are without the least certain weights, and writes `pruning.csv`."""
    batches = evaluation_dataset(examples, preprocessing, batch_size=64, directory=directory)
    found = quality_when_pruned(model, batches, examples.labels)
    rows = [{"pruned_share": one.share, "accuracy": one.accuracy, "nll": one.nll} for one in found]
    _write_rows(directory / "pruning.csv", rows)
    console.print("Test images; weights of lowest |loc| / scale are set to zero, the others to their mean")
    _print_rows(rows, PRUNING_COLUMNS, console)
    return found


def quality_when_pruned(
    model: tf_keras.Model,
    batches: Iterable[tuple[tf.Tensor, tf.Tensor]],
    labels: np.ndarray,
    shares: Sequence[float] = PRUNED_SHARES,
) -> list[Pruned]:
    """Quality without the weights of lowest signal-to-noise ratio, see `predictions_when_pruned`.

    Args:
        model: The BNN.
        batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
        labels: int32 `[num_examples]`.
        shares: Of the weights that go.
    """
    return [
        Pruned(share, accuracy(probabilities, labels), negative_log_likelihood(probabilities, labels))
        for share, probabilities in predictions_when_pruned(model, batches, shares)
    ]


def examples_tested(source: ImageSource, directory: Path) -> Examples:
    """The images that a run was tested on.

    Args:
        source: The images that the run had, opened again.
        directory: The run's.

    Raises:
        InputError: The source does not have one of them.
    """
    arrays = read_arrays(directory / TEST_NAME, ("example_ids", "labels"))
    example_ids = arrays["example_ids"].tolist()
    positions = {example_id: i for i, example_id in enumerate(source.example_ids)}
    for example_id in example_ids:
        if example_id not in positions:
            raise InputError(
                f"{source.name} has no image {example_id}, on which {directory} was tested: give the run's own data",
                field="data",
            )
    return Examples(source, np.array([positions[example_id] for example_id in example_ids]), arrays["labels"])


def _write_rows(path: Path, rows: Sequence[Row]) -> None:
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _print_rows(rows: Sequence[Row], columns: Mapping[str, str], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for name, heading in columns.items():
        table.add_column(heading, justify="left" if name == "layer" else "right", no_wrap=True)
    for row in rows:
        values = [row[name] for name in columns]
        table.add_row(*(plain(f"{value:.3g}" if isinstance(value, float) else str(value)) for value in values))
    console.print(table)
