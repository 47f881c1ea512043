"""Coordinates in which a drawn insect is described: marks in the body's plane, places on a body part, places on a wing.

A point of the body's plane is one complex number x + iy: x points from the tail to the head, y to one side; the thorax
starts at 0. The unit is that of `species`. So a turn is a product, a mirror image is a conjugate.
"""

import cmath
import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfp_insects.data.painted.species import Part, Wings

CIRCLE = np.exp(1j * np.pi / 6 * np.arange(12))
EDGE = np.linspace(0.0, 1.0, 10)
AROUND = np.concatenate([EDGE, EDGE[::-1]])  # along one edge and back along the other
SIDES = np.repeat([-1.0, 1.0], len(EDGE))


class Ink(NamedTuple):
    """A colour with opacity, each 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    def shaded(self, factor: float) -> "Ink":
        """The colour times `factor` (at most 1), of the same opacity."""
        return Ink(round(self.red * factor), round(self.green * factor), round(self.blue * factor), self.alpha)

    def faded(self, alpha: int) -> "Ink":
        """The colour with another opacity."""
        return Ink(self.red, self.green, self.blue, alpha)


class Mark(NamedTuple):
    """One stroke of the drawing: complex points [num_points]; a line's width, or 0 for a filled polygon."""

    points: np.ndarray
    ink: Ink
    width: float = 0.0
    casts_shadow: bool = False


def direction(angle: float) -> complex:
    """The unit vector at `angle` degrees from straight ahead."""
    return cmath.rect(1.0, math.radians(angle))


def polyline(start: complex, lengths: Sequence[float], angles: Sequence[float]) -> np.ndarray:
    """Points [len(lengths) + 1] of a line of joined pieces; `angles` in degrees from straight ahead."""
    points = [start]
    for length, angle in zip(lengths, angles, strict=True):
        points.append(points[-1] + length * direction(angle))
    return np.array(points)


def ellipse(centre: complex, long_axis: complex, width: float) -> np.ndarray:
    """Outline [12] of an ellipse whose whole long axis is the vector `long_axis`."""
    return centre + 0.5 * long_axis * (CIRCLE.real + (1j * width / abs(long_axis)) * CIRCLE.imag)


@functools.cache
def _power(widest: float) -> float:
    """The k that puts the largest value of sin(pi u^k) at u = `widest`."""
    return math.log(0.5) / math.log(widest)


def _profile(along: np.ndarray | float, widest: float, blunt: float) -> np.ndarray:
    """Relative width, 0 at both ends and 1 at `widest`: |sin(pi u^k)|^blunt."""
    return np.abs(np.sin(np.pi * along ** _power(widest))) ** blunt


@dataclasses.dataclass(frozen=True)
class PartFrame:
    """Places on a body part: u from 0 (front) to 1 (rear), v from -1 to 1 (its two edges).

    `stretch` is an individual's factor on length and width. `roll` (radians) turns the part about its long axis, which
    shifts what is painted on it sideways.
    """

    part: Part
    front: float
    stretch: tuple[float, float]
    roll: float

    @property
    def length(self) -> float:
        """The individual's length of the part."""
        return self.part.length * self.stretch[0]

    @property
    def width(self) -> float:
        """The individual's full width of the part."""
        return self.part.width * self.stretch[1]

    def at(self, along: np.ndarray | float, across: np.ndarray | float) -> np.ndarray:
        """Points of the body's plane at places (u, v) on the rolled surface."""
        turned = np.sin(np.minimum(np.maximum(np.arcsin(across) + self.roll, -np.pi / 2), np.pi / 2))
        return self.front - along * self.length + 1j * turned * self._half_width(along)

    def point(self, along: float, across: float) -> complex:
        """The point of the body's plane at one place (u, v)."""
        return complex(self.at(along, across))

    def outline(self) -> np.ndarray:
        """The part's outline."""
        return self.front - AROUND * self.length + 1j * SIDES * self._half_width(AROUND)

    def middle(self) -> float:
        """The x of the part's middle."""
        return self.front - 0.5 * self.length

    def _half_width(self, along: np.ndarray | float) -> np.ndarray:
        return 0.5 * self.width * _profile(along, self.part.widest, self.part.blunt)

    def spot(self, along: float, across: float, radius: float) -> np.ndarray:
        """Outline of a round spot about the place (u, v), cut off at the part's edge; `radius` in body units."""
        u = along + CIRCLE.real * (radius / self.length)
        v = across + CIRCLE.imag * (radius / max(float(self._half_width(along)), radius))
        return self.at(np.minimum(np.maximum(u, 0.0), 1.0), np.minimum(np.maximum(v, -1.0), 1.0))


@dataclasses.dataclass(frozen=True)
class WingFrame:
    """Places on a wing of the side y > 0: u from 0 (base) to 1 (tip), v from -1 (leading edge) to 1 (trailing edge).

    `angle` in degrees; `opening` squeezes the wing towards the body's axis; `side` -1 mirrors it to y < 0.
    """

    wings: Wings
    base: complex
    angle: float
    side: int
    opening: float

    def at(self, along: np.ndarray | float, across: np.ndarray | float) -> np.ndarray:
        """Points of the body's plane at places (u, v) on the wing."""
        width = self.wings.width * _profile(along, self.wings.widest, self.wings.blunt)
        # The axis divides the width into a leading and a trailing part.
        lateral = width * (0.5 * across + (0.5 - self.wings.lead) * np.abs(across))
        spread = (along * self.wings.length + 1j * lateral) * direction(self.angle)
        return self.base + spread.real + (1j * self.side * self.opening) * spread.imag

    def outline(self, start: float = 0.0) -> np.ndarray:
        """The wing's outline from u = `start` to the tip."""
        return self.at(start + (1.0 - start) * AROUND, SIDES)
