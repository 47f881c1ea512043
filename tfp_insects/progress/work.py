"""Work as it is planned and as it is told."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

Item = TypeVar("Item")
UNITS_AT_ONCE = 64
# Paces of guesses, see `Part`.
SECONDS, NETWORK = "seconds", "network"


class Part(NamedTuple):
    """A part of what a command does.

    Attributes:
        phase: What the user reads while it is done, such as `training`.
        units: How much it is: images, steps, files.
        key: Under which the seconds of a unit are learned and remembered; equal keys cost alike.
        guess: Seconds of a unit where nothing is known, right at least in relation to the other guesses of its pace.
        start_key: Under which what comes before the first unit is learned, such as compiling; empty where nothing does.
        start_guess: Its seconds, in the same relation.
        pace: What measurement scales the guesses: that of known work of the same pace, until which nothing is known;
            those of `SECONDS` are not scaled.
    """

    phase: str
    units: float
    key: str
    guess: float
    start_key: str = ""
    start_guess: float = 0.0
    pace: str = NETWORK


class OnWork(Protocol):
    """Told of work when it is done: its phase and how many units."""

    def __call__(self, phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
        """Takes note of it.

        Args:
            phase: What was done.
            units: How much of it.
            of: How much the whole phase is, where nobody could plan it.
        """


def ignore_work(phase: str, units: float = 1.0, *, of: float = 0.0) -> None:
    """For callers who do not show how far they are."""
    del phase, units, of


def told(items: Iterable[Item], on_work: OnWork, phase: str, of: float = 0.0) -> Iterator[Item]:
    """The items, with a word for each `UNITS_AT_ONCE` of them that were taken."""
    waiting = 0
    for item in items:
        yield item
        waiting += 1
        if waiting == UNITS_AT_ONCE:
            on_work(phase, waiting, of=of)
            waiting = 0
    if waiting:
        on_work(phase, waiting, of=of)
