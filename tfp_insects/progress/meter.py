"""How far a command is, in work that is done and in time: told of each piece of work, asked by whatever shows it."""

import heapq
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from tfp_insects.progress.costs import Costs
from tfp_insects.progress.work import SECONDS, Part

NEVER_FULL = 0.99  # Before all is done: what is left rounds to nothing at times.


class _Progress:
    """A part, and how much of it is done."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.done = 0.0
        self.is_started = False  # By this command.

    @property
    def left(self) -> float:
        return self.part.units - self.done


class Group:
    """What is done one thing after the other, such as a run.

    Attributes:
        name: What the user reads.
        parts: What it is made of, by phase.
        is_alone: Whether no other group is worked on at the same time.
        started: When its work began; none before.
        last: When something was last told of it; none before its start.
        is_ended: Whether all of it is done or will not be done.
    """

    def __init__(self, name: str, parts: Sequence[Part], is_alone: bool) -> None:
        self.name = name
        self.parts = {part.phase: _Progress(part) for part in parts}
        self.is_alone = is_alone
        self.started: float | None = None
        self.last: float | None = None
        self.is_ended = False
        self._told = ""

    @property
    def phase(self) -> str:
        """Of the work that is being done: the one that was told of last, or what follows it."""
        told = self.parts.get(self._told)
        if told is not None and told.left > 0:
            return self._told
        return next((phase for phase, one in self.parts.items() if one.left > 0), self._told)

    @property
    def is_running(self) -> bool:
        """Whether its work has begun and not ended."""
        return self.last is not None and not self.is_ended

    def tell(self, phase: str, units: float, of: float) -> _Progress:
        """Moves a phase on, and adds one that nobody planned."""
        unplanned = Part(phase, max(units, of), phase, 0.0, pace=SECONDS)
        one = self.parts.setdefault(phase, _Progress(unplanned))
        if of and one.left <= 0:  # The same again, with other images.
            one.part = one.part._replace(units=one.part.units + of)
        one.done = min(one.part.units, one.done + units)
        self._told = phase
        return one


class Meter:
    """Knows how much of a command's work is done and how long the rest takes.

    It may be asked from one thread while it is told from another.

    Args:
        costs: What a unit of work costs.
        num_jobs: Groups that are worked on at the same time.
        clock: Seconds from any start.

    Attributes:
        is_planned: Whether all groups are known. Until they are, nobody can say how much of the whole is done.
    """

    def __init__(self, costs: Costs, num_jobs: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.costs = costs
        self.is_planned = True
        self._num_jobs = num_jobs
        self._clock = clock
        self._groups: dict[str, Group] = {}
        self._lock = threading.RLock()
        self._started = clock()
        self._shares: dict[str | None, float] = {}

    def elapsed(self, name: str | None = None) -> float:
        """Seconds since the start of all, or of the work on a group."""
        started = self._started if name is None else self._groups[name].started
        return 0.0 if started is None else self._clock() - started

    @property
    def running(self) -> list[Group]:
        """The groups that are worked on."""
        with self._lock:
            return [group for group in self._groups.values() if group.is_running]

    def plan(self, name: str, parts: Sequence[Part], is_alone: bool = True) -> None:
        """Adds a group behind those that are there."""
        with self._lock:
            self._groups[name] = Group(name, parts, is_alone)

    def start(self, name: str) -> None:
        """Time that passes from now on belongs to the first work of the group that is told."""
        with self._lock:
            group = self._groups[name]
            group.started = group.last = self._clock()

    def tell(self, name: str, phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        """Takes note of work that is done; what passed since the group was last told of is the work's time.

        Args:
            name: Of the group.
            phase: Of the work.
            units: How much.
            of: How much the whole phase is, where it was not planned.
        """
        with self._lock:
            group, now = self._groups[name], self._clock()
            seconds, group.last = now - (now if group.last is None else group.last), now
            one = group.tell(phase, units, of)
            seconds -= self._learn_start(one, seconds, units)
            if units > 0:
                self.costs.learn(one.part.key, seconds, units)

    def end(self, name: str) -> None:
        """What is left of a group will not be done: it was done before, or is not needed."""
        with self._lock:
            group = self._groups[name]
            for one in group.parts.values():
                one.done = one.part.units
            group.is_ended = True

    def share(self, name: str | None = None) -> float:
        """The share of a group, or of all, that is done, by what it costs; it never falls, and is 1 at the end alone."""
        with self._lock:
            groups = self._chosen(name)
            if name is None and not self.is_planned:
                return 0.0
            if all(group.is_ended for group in groups):
                return 1.0
            scales = defaultdict(lambda: 1.0, self.costs.scales(self._parts()))
            parts = [one for group in groups for one in group.parts.values()]
            whole = sum(self._cost(one, one.part.units, scales[one.part.pace], False) or 0.0 for one in parts)
            left = sum(self._cost(one, one.left, scales[one.part.pace], one.is_started) or 0.0 for one in parts)
            now = min(NEVER_FULL, 1.0 - left / whole) if whole else 0.0
            self._shares[name] = max(now, self._shares.get(name, 0.0))
            return self._shares[name]

    def seconds_left(self, name: str | None = None) -> float | None:
        """Seconds until a group, or all, is done; none while nothing says how fast this machine is."""
        with self._lock:
            if name is None and not self.is_planned:
                return None
            scales = self.costs.scales(self._parts())
            ends = [0.0] * self._num_jobs
            for group in self._chosen(name):
                left = self._seconds_left(group, scales)
                if left is None:
                    return None
                if group.is_alone:
                    ends = [max(ends) + left] * self._num_jobs
                else:
                    heapq.heapreplace(ends, ends[0] + left)
            return max(ends)

    def _chosen(self, name: str | None) -> list[Group]:
        """One group, or all, those that are worked on first."""
        if name is not None:
            return [self._groups[name]]
        return sorted(self._groups.values(), key=lambda group: not group.is_running)

    def _parts(self) -> list[Part]:
        return [one.part for group in self._groups.values() for one in group.parts.values()]

    def _learn_start(self, one: _Progress, seconds: float, units: float) -> float:
        """Learns what came before the first unit, and returns its seconds."""
        if one.is_started or not one.part.start_key:
            one.is_started = True
            return 0.0
        one.is_started = True
        scale = self.costs.scales(self._parts()).get(one.part.pace)
        unit = self.costs.seconds(one.part.key, one.part.guess, scale) or 0.0
        start = max(0.0, seconds - units * unit)
        self.costs.learn(one.part.start_key, start, 1.0)
        return start

    def _seconds_left(self, group: Group, scales: Mapping[str, float]) -> float | None:
        total = 0.0
        for one in group.parts.values():
            seconds = self._cost(one, one.left, scales.get(one.part.pace), one.is_started)
            if seconds is None:
                return None
            total += seconds
        if not group.is_running or not total:
            return total
        return total - min(self._clock() - (group.last or 0.0), self._next_start(group, scales))

    def _next_start(self, group: Group, scales: Mapping[str, float]) -> float:
        """Seconds before the first unit of what comes next, which pass without a word."""
        one = group.parts.get(group.phase)
        if one is None or one.is_started or not one.part.start_key:
            return 0.0
        return self.costs.seconds(one.part.start_key, one.part.start_guess, scales.get(one.part.pace)) or 0.0

    def _cost(self, one: _Progress, units: float, scale: float | None, is_started: bool) -> float | None:
        """Seconds of some units of a part, with what comes before the first."""
        if units <= 0:
            return 0.0
        part = one.part
        unit = self.costs.seconds(part.key, part.guess, scale)
        start = 0.0 if is_started or not part.start_key else self.costs.seconds(part.start_key, part.start_guess, scale)
        return None if unit is None or start is None else start + units * unit
