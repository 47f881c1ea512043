"""How long each phase of a run took."""

import time
from collections.abc import Callable

from tfp_insects.progress.work import OnWork


class Stopwatch:
    """Passes on what it is told, and adds up the time between one word and the next: it belongs to the later one's phase.

    Args:
        on_work: Told of the same.
        clock: Seconds from any start.
    """

    def __init__(self, on_work: OnWork, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._on_work = on_work
        self._clock = clock
        self._last = clock()

    def restart(self) -> None:
        """What passed until now belongs to no phase."""
        self.seconds, self._last = {}, self._clock()

    def __call__(self, phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        """Takes note of work that is done."""
        now = self._clock()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now
        self._on_work(phase, units, of=of)
