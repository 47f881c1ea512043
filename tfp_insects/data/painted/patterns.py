"""What is painted on a part of a drawn insect: bands, stripes, spots, speckles, a true bug's shield."""

import numpy as np

from tfp_insects.data.painted.shapes import AROUND, SIDES, Ink, Mark, PartFrame
from tfp_insects.data.painted.species import Pattern

ACROSS = np.linspace(-1.0, 1.0, 6)
BAND_SIDES = np.repeat([-1.0, 1.0], len(ACROSS))  # front edge, then rear edge
BAND_ACROSS = np.concatenate([ACROSS, ACROSS[::-1]])
MAX_BOW = 0.08  # how far the middle of a band may lie before or behind its ends, as a part of the length


def pattern_marks(pattern: Pattern, frame: PartFrame, ink: Ink, rng: np.random.Generator) -> list[Mark]:
    """Marks of one pattern, with number and size drawn for this individual."""
    if pattern.kind == "shield":
        return _shield(frame, ink)
    count = int(rng.integers(pattern.count[0], pattern.count[1] + 1))
    size = rng.uniform(*pattern.size)
    if count == 0:
        return []
    if pattern.kind == "bands":
        outlines = _bands(frame, pattern, count, size, rng.uniform(-MAX_BOW, MAX_BOW))
    elif pattern.kind == "stripes":
        outlines = _stripes(frame, count, size)
    elif pattern.kind == "spots":
        outlines = _spots(frame, pattern, count, size, rng)
    elif pattern.kind == "speckles":
        places = rng.uniform((0.08, -0.8), (0.92, 0.8), size=(count, 2)).tolist()
        outlines = [frame.spot(along, across, size * frame.width) for along, across in places]
    else:
        outlines = [frame.spot(0.5, 0.0, 0.5 * size * min(frame.width, frame.length))]
    return [Mark(outline, ink) for outline in outlines]


def _bands(frame: PartFrame, pattern: Pattern, count: int, size: float, bow: float) -> list[np.ndarray]:
    first, last = pattern.extent
    period = (last - first) / count
    arc = bow * (1.0 - BAND_ACROSS**2) + 0.5 * size * period * BAND_SIDES
    middles = first + period * (np.arange(count) + 0.5)
    along = np.minimum(np.maximum(middles[:, None] + arc, 0.0), 1.0)
    return list(frame.at(along, BAND_ACROSS))


def _stripes(frame: PartFrame, count: int, size: float) -> list[np.ndarray]:
    spacing = 1.8 / count
    middles = spacing * (np.arange(count) - 0.5 * (count - 1))
    return list(frame.at(AROUND, middles[:, None] + 0.5 * size * spacing * SIDES))


def _spots(frame: PartFrame, pattern: Pattern, count: int, size: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Mirrored pairs, in two staggered columns on either side."""
    first, last = pattern.extent
    radius = 0.5 * size * min(frame.width, frame.length) / count**0.5
    stagger = rng.uniform(-0.3, 0.3, size=count)
    along = first + (last - first) * (np.arange(count) + 0.5 + stagger) / count
    across = rng.uniform(0.3, 0.45) + 0.22 * (np.arange(count) % 2)
    places = zip(along.tolist(), across.tolist(), strict=True)
    return [frame.spot(u, side * v, radius) for u, v in places for side in (1, -1)]


def _shield(frame: PartFrame, ink: Ink) -> list[Mark]:
    """A true bug's back: the triangle between the wings, their seams, and the bare membrane behind."""
    triangle = frame.at(np.array([0.02, 0.55, 0.02]), np.array([-0.6, 0.0, 0.6]))
    membrane = frame.at(np.array([0.55, 0.72, 0.99, 0.99, 0.72]), np.array([0.0, 0.6, 0.7, -0.7, -0.6]))
    seams = frame.at(np.array([0.1, 0.72]), np.array([[0.62, 0.6], [-0.62, -0.6]]))
    dark = ink.shaded(0.5)
    lines = [Mark(line, dark, 0.014) for line in (triangle, *seams)]
    return [Mark(membrane, ink), Mark(triangle, ink.faded(90)), *lines]
