"""Costs of work on this machine, kept from one command to the next."""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

from tfp_insects.errors import InputError
from tfp_insects.files import write_json
from tfp_insects.progress.costs import Costs

NAME = "seconds_of_work.json"


@contextlib.contextmanager
def kept_costs(cache_dir: Path, machine: str) -> Iterator[Costs]:
    """Costs of earlier commands, and after the block, however it ends, what it learned besides, for later ones.

    Args:
        cache_dir: Where they are kept.
        machine: Its processor and number of cores.
    """
    costs = Costs(read_costs(cache_dir, machine))
    try:
        yield costs
    finally:
        write_costs(cache_dir, machine, costs.to_remember())


def read_costs(cache_dir: Path, machine: str) -> dict[str, float]:
    """Seconds of a unit by key, as the last command on such a machine left them; empty where nothing can be read.

    Args:
        cache_dir: Where they are kept.
        machine: Its processor and number of cores.
    """
    found = _read(cache_dir / NAME).get(machine)
    numbers = found.items() if isinstance(found, dict) else ()
    return {key: float(value) for key, value in numbers if _is_cost(value)}


def write_costs(cache_dir: Path, machine: str, costs: dict[str, float]) -> None:
    """Keeps costs beside those of other machines. What cannot be written is not kept: nobody's results depend on it."""
    with contextlib.suppress(OSError, InputError):
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_json(cache_dir / NAME, {**_read(cache_dir / NAME), machine: costs})


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_cost(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
