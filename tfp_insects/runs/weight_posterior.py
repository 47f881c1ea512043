"""The posterior of all trained weights of a network in a file beside these, which are those of the network without it."""

from pathlib import Path

import numpy as np
import tf_keras

from tfp_insects.bayes.swag import WeightPosterior
from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, written_whole


def write_weight_posterior(posterior: WeightPosterior, seconds: float, path: Path) -> None:
    """Writes a posterior, complete or not at all.

    The file is not compressed: the digits of weights are nearly random, so that it takes minutes and saves little.

    Args:
        posterior: Of a network.
        seconds: Time that its collection took.
        path: The file.

    Raises:
        InputError: The system cannot write.
    """
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **posterior._asdict(), seconds=seconds)


def read_weight_posterior(model: tf_keras.Model, path: Path) -> WeightPosterior:
    """Reads the posterior of a network's trained weights.

    Raises:
        InputError: The file cannot be read, or is of another network.
    """
    found = WeightPosterior(**read_arrays(path, WeightPosterior._fields))
    num_weights = sum(variable.shape.num_elements() for variable in model.trainable_variables)
    for name, array in found._asdict().items():
        expected = (num_weights,) if array.ndim == 1 else (len(array), num_weights)
        if array.shape != expected or array.ndim != (2 if name == "deviations" else 1):
            raise InputError(
                f"{path}: {name} has shape {list(array.shape)}, expected {num_weights} weights: remove the file, and run "
                "again to have it made anew"
            )
    return found


def collecting_seconds(path: Path) -> float:
    """How long the collection took; 0 where there is no such file.

    Raises:
        InputError: The file cannot be read.
    """
    return float(read_arrays(path, ("seconds",))["seconds"]) if path.exists() else 0.0
