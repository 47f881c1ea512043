"""What the conversions of all networks' weights check: that names are all there and no others, and that values are finite."""

from collections.abc import Collection

import numpy as np

from tfp_insects.errors import InputError

MAX_LISTED = 20  # another architecture may have a thousand names; a reader needs to see what it is


def check_names(given: Collection[str], expected: Collection[str], network: str, source: str) -> None:
    """Refuses weights under other names than a network's.

    Args:
        given: Names of the weights that there are.
        expected: Those that there must be.
        network: What the network is called.
        source: Where a fitting state_dict comes from, in words.

    Raises:
        InputError: Names are missing or left over; the message lists both.
    """
    missing = [name for name in expected if name not in given]
    left_over = [name for name in given if name not in expected]
    if missing or left_over:
        raise InputError(
            f"not {network}'s weights: missing {_listed(missing)}; left over {_listed(left_over)}. "
            f"Expected a state_dict of {source}, or what scripts/convert_weights.py wrote"
        )


def finite_float32(name: str, array: np.ndarray) -> np.ndarray:
    """The array as float32.

    Raises:
        InputError: It holds no floating-point numbers, or some that are not finite in float32.
    """
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{name} holds {array.dtype}, expected floating-point numbers")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds values that are not finite (NaN or infinite) in float32")
    return array


def _listed(names: list[str]) -> str:
    listed = ", ".join(ascii(name[:100])[1:-1] for name in names[:MAX_LISTED])
    return (listed or "none") + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")
