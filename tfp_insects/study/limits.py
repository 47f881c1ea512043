"""Which numbers of the configuration can be used at all."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfp_insects.errors import InputError


class Limit(NamedTuple):
    """What is expected of a number, in words and as a test; only finite numbers are tested."""

    words: str
    holds: Callable[[float], bool]


FINITE = Limit("a finite number", lambda value: True)
AT_LEAST_0 = Limit("a number of at least 0", lambda value: value >= 0)
AT_LEAST_1 = Limit("a number of at least 1", lambda value: value >= 1)
AT_LEAST_2 = Limit("a number of at least 2", lambda value: value >= 2)
POSITIVE = Limit("a number greater than 0", lambda value: value > 0)
SHARE = Limit("a number of at least 0 and less than 1", lambda value: 0 <= value < 1)

# By the end of a field's path, the longest that is here, or else by a section that it is in, wherever in the configuration. A
# number that is not here must be finite.
LIMITS: Mapping[str, Limit] = {
    "split_seed": AT_LEAST_0,
    "num_test_per_class": AT_LEAST_1,
    "num_validation_per_class": AT_LEAST_1,
    "max_n_per_class": AT_LEAST_0,
    "folds": AT_LEAST_0,
    "image_size": AT_LEAST_0,  # What a network can do with is known to the network.
    "width_multiplier": POSITIVE,
    "max_feature_cache_megabytes": AT_LEAST_0,
    "shift": SHARE,
    "epochs": AT_LEAST_1,
    "batch_size": AT_LEAST_1,
    "min_steps_per_epoch": AT_LEAST_1,
    "momentum": SHARE,
    "warmup_epochs": AT_LEAST_0,
    "num_validation_samples": AT_LEAST_1,
    "checkpoint_seconds": AT_LEAST_0,
    "num_samples": AT_LEAST_1,
    "num_last_layer_samples": AT_LEAST_1,
    "learning_rate": POSITIVE,
    "learning_rate_multipliers": AT_LEAST_0,
    "dropout": SHARE,
    "map_dropout": SHARE,
    "kl_weight": AT_LEAST_0,
    "kl_annealing_epochs": AT_LEAST_0,
    "prior.scale": POSITIVE,
    "prior.floor": POSITIVE,
    "posterior_ratio": POSITIVE,
    "temperature": AT_LEAST_0,
    "covariance_scale": AT_LEAST_0,
    "leverage_scale": AT_LEAST_0,
    "num_members": AT_LEAST_1,
    "num_snapshots": AT_LEAST_2,
    "rank": AT_LEAST_2,
    "num_per_class": AT_LEAST_1,
}


def require_within_limits(config: Mapping[str, Any]) -> None:
    """Checks every number of a plain configuration as what it is in the computations: rounded to float32.

    Raises:
        InputError: One cannot be used; the message names its field.
    """
    for path, value in _fields(config):
        limit = _limit_of(path)
        if isinstance(value, bool | str) or value is None:
            if limit is None:  # A field that is no number.
                continue
        elif _is_within(limit or FINITE, value):
            continue
        field = ".".join(path)
        raise InputError(
            f"{field}={value}: expected {(limit or FINITE).words}; give such a number, here or in the configuration file",
            field=field,
        )


def _limit_of(path: tuple[str, ...]) -> Limit | None:
    ends = [".".join(path[start:]) for start in range(len(path))]
    return next((LIMITS[name] for name in (*ends, *reversed(path)) if name in LIMITS), None)


def _is_within(limit: Limit, value: float) -> bool:
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value))
    return math.isfinite(rounded) and limit.holds(rounded)


def _fields(section: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each field with the names of its sections and its own, and its value."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _fields(value, (*path, name))
        else:
            yield (*path, name), value
