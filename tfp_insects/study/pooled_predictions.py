"""The predictions of all folds of a cross-validation, put together."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfp_insects.runs.predictions import Predictions


def joined(parts: Sequence[Predictions], order: Sequence[str]) -> Predictions:
    """The predictions of all folds for images of which each is in one, in an order of their ids."""
    ids = [name for part in parts for name in part.example_ids]
    places = {name: place for place, name in enumerate(ids)}
    indices = [places[name] for name in order]
    probabilities = np.concatenate([part.probabilities for part in parts], axis=1)
    labels = np.concatenate([part.labels for part in parts])
    leverage = _leverage(parts)
    own = None if leverage is None else np.concatenate(leverage)[indices]
    return Predictions(probabilities[:, indices], labels[indices], tuple(order), own)


def _leverage(parts: Sequence[Predictions]) -> list[np.ndarray] | None:
    """That of each fold's images; none unless all folds have one."""
    found = [part.leverage for part in parts if part.leverage is not None]
    return found if len(found) == len(parts) else None


def in_turn(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of all folds for the same images: image i is answered by fold i mod K, as by one network in use."""
    probabilities, leverage = parts[0].probabilities.copy(), _leverage(parts)
    for start, part in enumerate(parts):
        probabilities[:, start :: len(parts)] = part.probabilities[:, start :: len(parts)]
    images = np.arange(probabilities.shape[1])
    own = None if leverage is None else np.stack(leverage)[images % len(parts), images]
    return dataclasses.replace(parts[0], probabilities=probabilities, leverage=own)
