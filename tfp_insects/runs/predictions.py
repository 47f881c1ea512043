"""A run's predictions for a set of images, as they are kept in a file."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, write_arrays
from tfp_insects.metrics.draws import Draws


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a run predicted for images that it was not trained on.

    Attributes:
        probabilities: float32 `[num_draws, num_examples, num_classes]`.
        labels: int32 `[num_examples]`; -1 for out-of-distribution images.
        example_ids: Of the images.
        leverage: float32 `[num_examples]`, see `Draws`; none where the run has none.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    example_ids: tuple[str, ...] = ()
    leverage: np.ndarray | None = None

    @property
    def draws(self) -> Draws:
        """What scores read."""
        return Draws(self.probabilities, self.leverage)


def write_predictions(path: Path, predictions: Predictions, class_names: Sequence[str]) -> None:
    """Writes a file, complete or not at all.

    Raises:
        InputError: The system cannot write.
    """
    write_arrays(
        path,
        probabilities=predictions.probabilities,
        labels=predictions.labels,
        class_names=np.array(class_names),
        example_ids=np.array(predictions.example_ids),
        **({} if predictions.leverage is None else {"leverage": predictions.leverage}),
    )


def read_predictions(path: Path) -> Predictions:
    """Reads a file.

    Raises:
        InputError: It cannot be read, or its arrays are not of one set of images; the message names the file.
    """
    arrays = read_arrays(path, ("probabilities", "labels", "example_ids"), optional=("leverage",))
    probabilities, labels, example_ids = arrays["probabilities"], arrays["labels"], arrays["example_ids"]
    if probabilities.ndim != 3:
        raise InputError(
            f"{path}: probabilities have shape {probabilities.shape}; expected [num_draws, num_examples, num_classes]"
        )
    leverage = arrays.get("leverage")
    of_images = {"labels": labels, "example_ids": example_ids, **({} if leverage is None else {"leverage": leverage})}
    for name, array in of_images.items():
        if array.shape != probabilities.shape[1:2]:
            raise InputError(
                f"{path}: {name} has {len(array)} entries; its probabilities are of {probabilities.shape[1]} images"
            )
    is_of_numbers = np.issubdtype(probabilities.dtype, np.floating) and np.issubdtype(labels.dtype, np.integer)
    if not is_of_numbers or not ((labels >= -1) & (labels < probabilities.shape[2])).all():
        raise InputError(
            f"{path}: probabilities are {probabilities.dtype} and labels {labels.dtype}; expected floating-point numbers "
            f"and whole ones below {probabilities.shape[2]}: remove its directory and run again"
        )
    if leverage is not None and not np.issubdtype(leverage.dtype, np.floating):
        raise InputError(
            f"{path}: leverage is {leverage.dtype}; expected floating-point numbers: remove its directory and run again"
        )
    return Predictions(probabilities, labels, tuple(str(name) for name in example_ids), leverage)


def num_passes(num_draws: int, num_networks: int, num_last_layer_samples: int) -> int:
    """Passes through all random layers of each network, from the draws of all networks together.

    Args:
        num_draws: Of all networks.
        num_networks: One, or the members of an ensemble.
        num_last_layer_samples: Draws of the last random layer for each pass through those before it.

    Returns:
        1 for networks without random layers, whose passes are all alike.
    """
    own = num_draws // num_networks
    return 1 if own == 1 else own // num_last_layer_samples
