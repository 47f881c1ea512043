"""The quality of few draws."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfp_insects.errors import InputError
from tfp_insects.files import read_arrays, read_json
from tfp_insects.metrics.scores import negative_log_likelihood
from tfp_insects.runs.layout import CONFIG_NAME


class NllRow(NamedTuple):
    """Quality with a number of draws: NLL in nats, a mean over disjoint groups of so many among those stored.

    Attributes:
        num_samples: Draws of all random layers.
        whole: Mirrored pairs, with all draws of the last layer.
        paired: Mirrored pairs, with one draw of the last layer for each.
        independent: No two draws of one pair, with one draw of the last layer for each.
    """

    num_samples: int
    whole: float
    paired: float
    independent: float


def read_draws(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a finished run's predictions.

    Returns:
        Probabilities `[num_samples, num_last_layer_samples, num_examples, num_classes]` and labels `[num_examples]`.

    Raises:
        InputError: The run cannot be read, or has fewer than four draws.
    """
    arrays = read_arrays(path, ("probabilities", "labels"))
    num_last = read_json(path.with_name(CONFIG_NAME))["config"]["prediction"].get("num_last_layer_samples", 1)
    probabilities = arrays["probabilities"]
    num_samples, rest = divmod(len(probabilities), num_last)
    if num_samples < 4 or rest:
        raise InputError(
            f"--predictions={path}: {num_samples} draws; expected at least 4, as runs of bnn and mc_dropout have them"
        )
    return probabilities.reshape(num_samples, num_last, *probabilities.shape[1:]), arrays["labels"]


def nll_by_num_samples(probabilities: np.ndarray, labels: np.ndarray) -> Iterator[NllRow]:
    """Compares numbers of draws that are powers of two.

    Args:
        probabilities: `[num_samples, num_last_layer_samples, num_examples, num_classes]`; samples 2 i and 2 i + 1 are a pair.
        labels: `[num_examples]`.
    """
    first = probabilities[:, :1]
    num_samples = 2
    while num_samples <= len(probabilities) // 2:
        independent = [_mean_nll(first[side::2], labels, num_samples) for side in (0, 1)]
        yield NllRow(
            num_samples,
            _mean_nll(probabilities, labels, num_samples),
            _mean_nll(first, labels, num_samples),
            float(np.mean(independent)),
        )
        num_samples *= 2


def _mean_nll(probabilities: np.ndarray, labels: np.ndarray, num_samples: int) -> float:
    num_groups = len(probabilities) // num_samples
    groups = np.split(probabilities[: num_groups * num_samples], num_groups)
    return float(np.mean([negative_log_likelihood(group.mean(axis=1), labels) for group in groups]))
