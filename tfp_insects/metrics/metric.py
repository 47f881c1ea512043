"""What a metric has to say of itself; tables, files, pages and help texts are made from it.

A metric of labelled images is one file in `metrics/labelled` that defines `METRIC`; a score for telling images of no known
class is one file in `metrics/unknown` that defines `SCORE`. Help texts read these files too, so they import nothing slow.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

from tfp_insects.metrics.arrays import FloatArray
from tfp_insects.metrics.bootstrap import Interval, Method, Resampled, Statistic
from tfp_insects.metrics.draws import Draws, LabelledDraws

Better = Literal["high", "low", "neither"]
Shown = Literal["pictures", "tables", "files"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of a model, and how it is shown.

    Attributes:
        name: Its name in records and files.
        label: What pages call it within a sentence.
        description: What it is, in one line without a full stop.
        short: Heading of a narrow column; the label by default.
        plain: What it is to somebody who has to choose a model, before its label in brackets; the label alone by default.
        unit: Unit after scaling.
        scale: Factor from the record's unit to the one shown.
        decimals: Digits after the point, where it is shown.
        better: Which way is good.
        minimum: Least possible value, at which intervals end.
        maximum: Largest possible value, at which they end too.
        interval_method: Of its bootstrap interval, see `Resampled.interval`.
        shown: `pictures`: in pictures, tables and files; `tables`: in tables and files; `files`: in files, and on the page
            among the other figures.
        needs_draws: Whether it says nothing of a model of one draw.
        order: Its place in lists.
    """

    name: str
    label: str
    description: str
    short: str = ""
    plain: str = ""
    unit: str = ""
    scale: float = 1.0
    decimals: int = 3
    better: Better
    minimum: float = 0.0
    maximum: float = math.inf
    interval_method: Method = "percentile"
    shown: Shown = "tables"
    needs_draws: bool = False
    order: int = 100

    @property
    def title(self) -> str:
        """What pages call it where it stands first."""
        return self.label[:1].upper() + self.label[1:]

    @property
    def plain_label(self) -> str:
        """What it is called where a choice is made."""
        return f"{self.plain} ({self.label})" if self.plain else self.label

    @property
    def heading(self) -> str:
        """Heading of a narrow column."""
        return self.short or self.label

    @property
    def is_in_tables(self) -> bool:
        """Whether it is among the figures shown first."""
        return self.shown != "files"

    def interval(self, resampled: Resampled) -> Interval:
        """Its 95 % interval."""
        return resampled.interval(self.interval_method).within(self.minimum, self.maximum)

    def difference_interval(self, resampled: Resampled) -> Interval:
        """The 95 % interval of a difference of two models in it."""
        return resampled.interval(self.interval_method)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledMetric(Metric):
    """A metric of predictions for images whose classes are known.

    Attributes:
        statistic: The figure on resamples of these images; see `metrics.bootstrap`.
    """

    statistic: Callable[[LabelledDraws], Statistic]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OodScore:
    """A score of being of no known class, higher where an image looks less like the known ones.

    Attributes:
        name: Its name in records and files.
        label: What pages call it.
        score: float64 `[num_examples]` from predictions.
        needs_draws: Whether it says nothing of a model of one draw.
        needs_leverage: Whether it says nothing where the leverage of images is not known.
        is_in_tables: Whether tables show it.
        order: Its place in lists.
    """

    name: str
    label: str
    score: Callable[[Draws], FloatArray]
    needs_draws: bool = False
    needs_leverage: bool = False
    is_in_tables: bool = True
    order: int = 100

    def speaks_of(self, draws: Draws) -> bool:
        """Whether it says something of these predictions."""
        return (draws.has_several or not self.needs_draws) and (draws.leverage is not None or not self.needs_leverage)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OodMetric(Metric):
    """How well a score tells images of no known class from test images.

    Attributes:
        score: The score.
        separation: Name of the way in which two sets of scores are compared: `auroc`, `fpr95`.
        statistic: The figure from the scores of known and of other images, on resamples of both side by side.
    """

    score: OodScore
    separation: str
    statistic: Callable[[FloatArray, FloatArray], Statistic]
