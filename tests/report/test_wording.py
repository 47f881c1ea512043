import pytest

from tfp_insects.metrics.bootstrap import Interval
from tfp_insects.report.wording import (
    enumerate_words,
    images_a_class,
    interval_words,
    number,
    percent,
    seconds,
    shown_sign,
    times_as,
)


@pytest.mark.parametrize(("value", "decimals", "text"), [(-1.26, 1, "−1.3"), (-0.04, 1, "0.0"), (2.0, 0, "2")])
def test_number(value, decimals, text):
    assert number(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1416, "0.14 s"), (3.64, "3.6 s"), (31.7, "32 s"), (125.4, "2 min 5 s"), (7500.0, "2 h 05 min")],
)
def test_seconds(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("interval", "sign"),
    [((1, 0.5, 2), 1), ((-1, -2, -0.5), -1), ((1, -0.5, 2), 0), ((1, 0, 2), 0), ((-1, 0.5, 2), 0)],
)
def test_shown_sign(interval, sign):
    assert shown_sign(Interval(*interval)) == sign


def test_words():
    assert enumerate_words(["a"]) == "a"
    assert enumerate_words(["a", "b", "c"]) == "a, b and c"
    assert images_a_class(1) == "1 image a class"
    assert images_a_class(5) == "5 images a class"
    assert percent(0.5781) == "57.8 %"
    assert interval_words(-0.004, 0.033, 100.0, 1) == "−0.4 to 3.3"
    assert times_as(2.66) == "2.7 times"
    assert times_as(12.3) == "12 times"
    assert times_as(0.104) == "0.10 times"
