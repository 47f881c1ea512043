"""Temperature scaling: one number, fitted on validation data, that makes confidences honest (Guo et al. 2017)."""

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from tfp_insects.metrics.arrays import FloatArray, checked_labels
from tfp_insects.metrics.scores import mean_probabilities

# Wide enough for any classifier met in practice; where validation data are all right, the fit ends at the lower bound.
MIN_TEMPERATURE = 1e-2
MAX_TEMPERATURE = 1e2


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the temperature T that minimises the NLL of softmax(logits / T) (Guo et al. 2017, eq. 9).

    The NLL is convex in 1 / T, so it has one minimum in log T, which is searched between 0.01 and 100.

    Args:
        logits: float [num_examples, num_classes]: logits, or log probabilities (of Monte Carlo averages, say), which
            are logits too. Minus infinity, the log of a probability of 0, is allowed.
        labels: int [num_examples], of validation data.

    Raises:
        ValueError: a wrong shape, NaN or plus infinity, or a label out of range.
    """
    log_probabilities = _log_probabilities(logits)
    label = checked_labels(labels, *log_probabilities.shape)
    rows = np.arange(label.size)

    def nll(log_temperature: float) -> float:
        scaled = special.log_softmax(log_probabilities / np.exp(log_temperature), axis=-1)
        return float(-scaled[rows, label].mean())

    bounds = (np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE))
    found = optimize.minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))


def apply_temperature(logits: npt.ArrayLike, temperature: float) -> FloatArray:
    """Returns softmax(logits / temperature), float64 [num_examples, num_classes].

    Args:
        logits: float [num_examples, num_classes], logits or log probabilities; see `fit_temperature`.
        temperature: above 0; above 1 makes the model less sure. The most probable class stays the same.

    Raises:
        ValueError: a wrong shape, NaN or plus infinity, or a temperature that is not above 0 and finite.
    """
    if not (temperature > 0.0 and np.isfinite(temperature)):
        raise ValueError(f"temperature: expected above 0 and finite, got {temperature}")
    return special.softmax(_log_probabilities(logits) / temperature, axis=-1)


def _log_probabilities(logits: npt.ArrayLike) -> FloatArray:
    """Returns log softmax(logits), none below the log of the smallest normal float64, so that the NLL is finite."""
    array = np.asarray(logits, dtype=np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"logits: expected a shape [num_examples, num_classes], none of them 0, got {list(array.shape)}"
        )
    if np.isnan(array).any() or not np.isfinite(array.max(axis=-1)).all():
        raise ValueError("logits: expected no NaN, no plus infinity and a finite number in each row")
    return np.maximum(special.log_softmax(array, axis=-1), np.log(np.finfo(np.float64).tiny))


def fit_to_predictions(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the `fit_temperature` of the mean probabilities.

    Args:
        probabilities: float [num_samples, num_examples, num_classes], of validation data.
        labels: int [num_examples].

    Raises:
        ValueError: a wrong shape, or values that are no probabilities or no labels.
    """
    return fit_temperature(_log(mean_probabilities(probabilities)), labels)


def scale_predictions(probabilities: npt.ArrayLike, temperature: float) -> FloatArray:
    """Returns the mean probabilities after `apply_temperature`, float64 [1, num_examples, num_classes].

    Arguments and errors are those of `fit_to_predictions` and `apply_temperature`.
    """
    return apply_temperature(_log(mean_probabilities(probabilities)), temperature)[np.newaxis]


def _log(probabilities: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):  # A probability of 0 has a logit of minus infinity.
        return np.log(probabilities)
