"""How far few draws are from many."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays
from tfp_insects.uncertainty.metrics import negative_log_likelihood


class NllRow(NamedTuple):
    """Quality with a number of draws, a mean over disjoint groups of so many among those stored.

    Attributes:
        num_draws: Even.
        paired: NLL in nats with pairs of draws that mirror each other.
        independent: The same with no two draws of one pair.
    """

    num_draws: int
    paired: float
    independent: float


def read_draws(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a finished run's predictions.

    Returns:
        Probabilities `[num_draws, num_examples, num_classes]` and labels `[num_examples]`.

    Raises:
        InputError: The file cannot be read, or holds fewer than four draws.
    """
    arrays = read_arrays(path, ("probabilities", "labels"))
    probabilities = arrays["probabilities"]
    if len(probabilities) < 4:
        raise InputError(
            f"--predictions={path}: {len(probabilities)} draws; expected at least 4, as runs of bnn and mc_dropout store"
        )
    return probabilities, arrays["labels"]


def nll_by_num_draws(probabilities: np.ndarray, labels: np.ndarray) -> Iterator[NllRow]:
    """Compares numbers of draws that are powers of two.

    Args:
        probabilities: `[num_draws, num_examples, num_classes]`; draws 2 i and 2 i + 1 are a pair.
        labels: `[num_examples]`.
    """
    num_draws = 2
    while num_draws <= len(probabilities) // 2:
        sides = [probabilities[side::2] for side in (0, 1)]
        independent = np.mean([_mean_nll(draws, labels, num_draws) for draws in sides])
        yield NllRow(num_draws, _mean_nll(probabilities, labels, num_draws), float(independent))
        num_draws *= 2


def _mean_nll(probabilities: np.ndarray, labels: np.ndarray, num_draws: int) -> float:
    num_groups = len(probabilities) // num_draws
    groups = np.split(probabilities[: num_groups * num_draws], num_groups)
    return float(np.mean([negative_log_likelihood(group, labels) for group in groups]))
