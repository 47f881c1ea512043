"""The posterior of a network's last layer in a file beside its weights, which are those of the network without it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tf_keras

from tfp_insects.bayes.last_layer_laplace import (
    fit_last_layer_posterior,
    last_layer_factor,
    with_last_layer_posterior,
)
from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, write_arrays


def write_last_layer_posterior(
    model: tf_keras.Model, batches: Iterable[tuple[Any, Any]], path: Path, on_images: Callable[[float], object]
) -> None:
    """Finds the posterior of a trained network and writes it, complete or not at all.

    Args:
        model: The network without it.
        batches: Its training images as predictions see them, and labels.
        path: The file: `covariance_factor`, see `last_layer_factor`, and `prior_scale`.
        on_images: Told of images that are done.

    Raises:
        InputError: The system cannot write.
    """
    network = with_last_layer_posterior(model)
    scale = fit_last_layer_posterior(network, batches, on_images)
    write_arrays(path, covariance_factor=last_layer_factor(network).numpy(), prior_scale=scale)


def read_last_layer_posterior(model: tf_keras.Model, path: Path) -> tf_keras.Model:
    """Returns the network that predicts, of the trained one and its file.

    Raises:
        InputError: The file cannot be read, or is of another network.
    """
    network = with_last_layer_posterior(model)
    factor, found = last_layer_factor(network), read_arrays(path, ("covariance_factor",))["covariance_factor"]
    if found.shape != tuple(factor.shape):
        raise InputError(
            f"{path}: covariance_factor has shape {list(found.shape)}, expected {factor.shape.as_list()}: remove the file, "
            "and run again to have it made anew"
        )
    factor.assign(found)
    return network
