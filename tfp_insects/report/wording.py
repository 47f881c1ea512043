"""Numbers and intervals as words."""

from collections.abc import Sequence

from tfp_insects.metrics.bootstrap import Interval

MINUS = "\N{MINUS SIGN}"


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign, and no minus before zero."""
    text = f"{value:.{decimals}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def percent(share: float, decimals: int = 1) -> str:
    """A share as `57.8 %`."""
    return f"{number(100 * share, decimals)} %"


def interval_words(low: float, high: float, scale: float, decimals: int) -> str:
    """`0.4 to 3.3`, after multiplying by `scale`."""
    return f"{number(scale * low, decimals)} to {number(scale * high, decimals)}"


def shown_sign(interval: Interval) -> int:
    """1 or -1 where a difference is shown: estimate and interval lie on one side of zero; else 0."""
    return interval.sign


def seconds(value: float) -> str:
    """A time as `0.14 s`, `3.6 s`, `32 s`, `5 min 10 s` or `2 h 05 min`."""
    if value < 1.0:
        return f"{value:.2g} s"
    if value < 100.0:
        return f"{value:.{1 if value < 10.0 else 0}f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def times_as(ratio: float) -> str:
    """A ratio as `0.85 times`, `2.7 times` or `12 times`."""
    decimals = 2 if ratio < 0.995 else 1 if ratio < 9.95 else 0
    return f"{ratio:.{decimals}f} times"


def enumerate_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def images_a_class(n_per_class: int) -> str:
    """`50 images a class`."""
    return f"{n_per_class} image{'' if n_per_class == 1 else 's'} a class"
