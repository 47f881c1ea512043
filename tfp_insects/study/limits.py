"""Which numbers of the configuration can be used at all."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tfp_insects.errors import InputError
from tfp_insects.models.alexnet.table import MIN_IMAGE_SIZE


class Limit(NamedTuple):
    """What is expected of a number, in words and as a test; nan passes none."""

    words: str
    holds: Callable[[float], bool]


AT_LEAST_0 = Limit("a number of at least 0", lambda value: value >= 0)
AT_LEAST_1 = Limit("a number of at least 1", lambda value: value >= 1)
POSITIVE = Limit("a number greater than 0", lambda value: value > 0)
SHARE = Limit("a number of at least 0 and less than 1", lambda value: 0 <= value < 1)

# By the name of a field, or of the section that it is in, wherever in the configuration. Fields with a check of their own,
# such as those of the split and of priors, are not among them.
LIMITS: Mapping[str, Limit] = {
    "image_size": Limit(f"a number of at least {MIN_IMAGE_SIZE}", lambda value: value >= MIN_IMAGE_SIZE),
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
    "rates": AT_LEAST_0,
    "dropout": SHARE,
    "kl_weight": AT_LEAST_0,
    "kl_annealing_epochs": AT_LEAST_0,
    "num_members": AT_LEAST_1,
    "num_per_class": AT_LEAST_1,
}


def require_within_limits(config: Mapping[str, Any]) -> None:
    """Checks the numbers of a plain configuration.

    Raises:
        InputError: One cannot be used; the message names its field.
    """
    for path, value in _fields(config):
        limit = next((LIMITS[name] for name in reversed(path) if name in LIMITS), None)
        if limit is not None and not limit.holds(value):
            raise InputError(
                f"--config.{'.'.join(path)}={value}: expected {limit.words}; give such a number there or in the "
                "configuration file"
            )


def _fields(section: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each field with the names of its sections and its own, and its value."""
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _fields(value, (*path, name))
        else:
            yield (*path, name), value
