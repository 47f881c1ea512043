"""The time left as it is shown: it counts down with the clock, and goes over to a new estimate without a jump."""

import math

SMOOTHING_SECONDS = 15.0


class Countdown:
    """Smooths estimates of the time left.

    Args:
        smoothing_seconds: Within which it goes two thirds of the way to an estimate that stays.
    """

    def __init__(self, smoothing_seconds: float = SMOOTHING_SECONDS) -> None:
        self._smoothing_seconds = smoothing_seconds
        self._shown: float | None = None
        self._at = 0.0

    def shown(self, estimate: float | None, now: float) -> float | None:
        """What to show.

        Args:
            estimate: Seconds left; none where nobody knows, and then what was shown before goes on counting down.
            now: Seconds from any start.
        """
        passed, self._at = now - self._at, now
        if self._shown is None:
            self._shown = estimate
        else:
            counted = max(0.0, self._shown - passed)
            weight = 0.0 if estimate is None else -math.expm1(-passed / self._smoothing_seconds)
            self._shown = counted + weight * ((estimate or 0.0) - counted)
        return self._shown


def clock_words(seconds: float | None) -> str:
    """`0:07`, `12:05`, `3:04:10`, and `-:--` for none."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
