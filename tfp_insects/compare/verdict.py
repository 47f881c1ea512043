"""Which of two models to use, by one rule.

A model is advised where it is right more often than by guessing, is better in at least one measure, after Holm's correction
(1979) for the number of measures that were looked at, and the other is better in none, not even without the correction.
Measures are all those whose differences the page shows, so that none is chosen after having looked. Holm's correction
holds however they depend on each other.
"""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Literal

from tfp_insects.metrics.bootstrap import Interval

LEVEL = 0.05
Side = Literal["model", "reference"]
Choice = Literal["model", "reference", "both", "unsure", "none", "neither"]


@dataclasses.dataclass(frozen=True)
class Measured:
    """A difference in one measure, model minus reference.

    Attributes:
        label: What pages call the measure.
        interval: The difference with its 95 % interval.
        p_value: Of no difference.
        is_high_good: Whether more of it is better.
        unit: Unit after scaling.
        scale: Factor from the interval's unit to the one shown.
        decimals: Digits after the point, where it is shown.
    """

    label: str
    interval: Interval
    p_value: float
    is_high_good: bool
    unit: str = ""
    scale: float = 1.0
    decimals: int = 3

    @property
    def favours(self) -> int:
        """1 where the model is shown to be better, -1 where the reference is, by the 95 % interval alone; else 0."""
        return self.interval.sign if self.is_high_good else -self.interval.sign


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the rule says.

    Attributes:
        choice: `model` or `reference`: use it. `both`: each is better in something. `unsure`: differences are shown, but
            among so many measures they may be luck. `none`: no difference is shown in any. `neither`: the one to be
            advised, or both, may as well be guessing.
        model_better: Measures in which the model is shown to be better.
        reference_better: The same of the reference.
        unclear: Measures in which no difference is shown.
    """

    choice: Choice
    model_better: Sequence[Measured]
    reference_better: Sequence[Measured]
    unclear: Sequence[Measured]

    @property
    def num_measures(self) -> int:
        """How many measures were looked at."""
        return len(self.model_better) + len(self.reference_better) + len(self.unclear)


def decide(measured: Sequence[Measured], guessing: Collection[Side] = ()) -> Decision:
    """Applies the rule of this module.

    Args:
        measured: All measures that are looked at.
        guessing: Which of the two are not shown to be right more often than by guessing.
    """
    ours, theirs, unclear = ([one for one in measured if one.favours == sign] for sign in (1, -1, 0))
    is_sure = holm([one.p_value for one in measured])
    any_sure = any(sure and one.favours for one, sure in zip(measured, is_sure, strict=True))
    choice: Choice = "none"
    if ours or theirs:
        choice = "both" if ours and theirs else "model" if ours else "reference"
        choice = choice if any_sure else "unsure"
    if choice in guessing or len(set(guessing)) == 2:
        choice = "neither"
    return Decision(choice, ours, theirs, unclear)


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which hypotheses are rejected so that a true one is with a probability of at most `level` (Holm 1979).

    The smallest p-value is compared with level / m, the next with level / (m - 1), and so on, until one is larger.
    """
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected
