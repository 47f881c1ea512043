"""What a unit of work costs on this machine: remembered, measured as it is done, or guessed from what was measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tfp_insects.progress.work import SECONDS, Part

# Seconds of measurement that a remembered cost, and a guess, weigh as much as.
REMEMBERED_SECONDS = 10.0
GUESSED_SECONDS = 0.5
REMEMBERED_SHARE = 0.5  # Of what is remembered for the next command: how much the newest measurement counts.


class Costs:
    """Seconds of a unit by the key of the work.

    Args:
        remembered: From earlier commands on this machine.
    """

    def __init__(self, remembered: Mapping[str, float] | None = None) -> None:
        self._remembered = dict(remembered or {})
        self._seconds: dict[str, float] = {}
        self._units: dict[str, float] = {}

    def learn(self, key: str, seconds: float, units: float) -> None:
        """Takes note of what some units took."""
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds
        self._units[key] = self._units.get(key, 0.0) + units

    def is_known(self, key: str) -> bool:
        """Whether there is more than a guess."""
        return key in self._remembered or key in self._units

    def seconds(self, key: str, guess: float, scale: float | None) -> float | None:
        """Seconds of a unit; none where nothing is known.

        Args:
            key: Of the work.
            guess: See `Part`.
            scale: From guesses of its pace to seconds; none where nothing says.
        """
        weight, prior = REMEMBERED_SECONDS, self._remembered.get(key)
        if prior is not None:
            prior *= self._pace()
        elif scale is not None:
            weight, prior = GUESSED_SECONDS, guess * scale
        measured, units = self._seconds.get(key, 0.0), self._units.get(key, 0.0)
        if not prior:  # Nothing is known, or a cost of nothing.
            return measured / units if units else prior
        return (weight + measured) / (weight / prior + units)

    def scales(self, parts: Iterable[Part]) -> dict[str, float]:
        """By pace, seconds for each second of the guesses, over all of the parts that more is known of.

        A pace is missing as long as none of its parts is known to have taken time: all of it may have been that of a start.
        """
        seconds, guesses = defaultdict[str, float](float), defaultdict[str, float](float)
        for part in parts:
            if part.guess and self.is_known(part.key):
                guesses[part.pace] += part.units * part.guess
                seconds[part.pace] += part.units * (self.seconds(part.key, part.guess, None) or 0.0)
        found = {pace: seconds[pace] / guess for pace, guess in guesses.items() if guess and seconds[pace]}
        return {**found, SECONDS: 1.0}

    def to_remember(self) -> dict[str, float]:
        """What the next command should start from."""
        newest = {key: self._seconds[key] / units for key, units in self._units.items() if units}
        mixed = {
            key: REMEMBERED_SHARE * seconds + (1 - REMEMBERED_SHARE) * self._remembered.get(key, seconds)
            for key, seconds in newest.items()
        }
        return {**self._remembered, **mixed}

    def _pace(self) -> float:
        """How much slower this machine is now than it is remembered, over all that was measured so far."""
        known = [key for key in self._units if key in self._remembered]
        expected = sum(self._remembered[key] * self._units[key] for key in known)
        measured = sum(self._seconds[key] for key in known)
        return (REMEMBERED_SECONDS + measured) / (REMEMBERED_SECONDS + expected)
