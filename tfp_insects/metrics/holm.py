"""Several tests at once: p-values that keep the probability of any false finding."""

from collections.abc import Mapping


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """Returns Holm's adjusted p-values (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Those below a level may all be called findings; any of them is false with at most that probability, however the tests
    depend on one another. The i-th lowest of m is `max over j <= i of (m - j + 1) p_j`, at most 1.

    Args:
        p_values: By name.

    Returns:
        By the same names, in the same order.
    """
    adjusted, highest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}
