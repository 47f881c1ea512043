import itertools

import numpy as np
import pytest

from tfp_insects.metrics.holm import holm_adjusted


def test_is_holms_step_down_procedure() -> None:
    """Rejecting what is adjusted to at most a level is the procedure itself: from the lowest p on, until one is too high."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = {f"m{i}": float(p) for i, p in enumerate(rng.random(6) ** 4)}
        adjusted = holm_adjusted(p_values)
        for level in (0.01, 0.05, 0.2):
            ordered = sorted(p_values, key=p_values.__getitem__)
            rejected = itertools.takewhile(
                lambda name: p_values[name] <= level / (len(p_values) - ordered.index(name)),  # noqa: B023
                ordered,
            )
            assert {name for name, p in adjusted.items() if p <= level} == set(rejected)


def test_values_written_out() -> None:
    found = holm_adjusted({"b": 0.04, "a": 0.01, "c": 0.03, "d": 0.9})
    assert found == pytest.approx({"b": 0.09, "a": 0.04, "c": 0.09, "d": 0.9})
    assert list(found) == ["b", "a", "c", "d"]
    assert holm_adjusted({}) == {}
    assert holm_adjusted({"a": 0.7, "b": 0.8}) == {"a": 1.0, "b": 1.0}
