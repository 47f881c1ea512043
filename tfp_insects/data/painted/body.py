"""The body of a drawn insect: head, thorax and abdomen with their patterns, eyes, and what grows at either end."""

import dataclasses

import numpy as np

from tfp_insects.data.painted.patterns import pattern_marks
from tfp_insects.data.painted.shapes import AROUND, CIRCLE, EDGE, SIDES, Ink, Mark, PartFrame, ellipse, polyline
from tfp_insects.data.painted.species import ColourName, Palette, PartName, Species

BLACK, WHITE = Ink(0, 0, 0), Ink(255, 255, 255)
COLOUR_NAMES: tuple[ColourName, ...] = ("head", "thorax", "abdomen", "mark", "accent", "legs", "wings", "eyes")
PART_NAMES: tuple[PartName, ...] = ("head", "thorax", "abdomen")
NUM_HAIRS = 56


@dataclasses.dataclass(frozen=True)
class Individual:
    """One insect of a species: its colours, where its parts lie, and the side (1 or -1) from which it is lit."""

    species: Species
    inks: dict[ColourName, Ink]
    frames: dict[PartName, PartFrame]
    lit_side: int


def grow_individual(species: Species, rng: np.random.Generator) -> Individual:
    """Draws one individual's variety, colours, proportions and roll."""
    stretch = 1.0 + 0.08 * rng.uniform(-1.7, 1.7, size=(3, 2))
    roll = float(rng.normal(0.0, 0.22))
    fronts = (
        0.85 * species.head.length * stretch[0, 0],
        0.0,
        -species.waist - species.thorax.length * stretch[1, 0] + 0.08 * species.abdomen.length,
    )
    parts = (species.head, species.thorax, species.abdomen)
    frames = {
        name: PartFrame(part, float(front), (float(length), float(width)), roll)
        for name, part, front, (length, width) in zip(PART_NAMES, parts, fronts, stretch, strict=True)
    }
    palette = species.palettes[rng.integers(len(species.palettes))]
    return Individual(species, _inks(palette, rng), frames, lit_side=1 if rng.random() < 0.5 else -1)


def _inks(palette: Palette, rng: np.random.Generator) -> dict[ColourName, Ink]:
    colours = np.array([getattr(palette, name) for name in COLOUR_NAMES], dtype=np.float64)
    light = 1.0 + rng.normal(0.0, palette.spread, size=(len(colours), 1))
    tint = rng.normal(0.0, 60.0 * palette.spread, size=colours.shape)
    rows = np.clip(colours * light + tint, 4, 250).astype(int).tolist()
    return {name: Ink(*row) for name, row in zip(COLOUR_NAMES, rows, strict=True)}


def body_marks(insect: Individual, rng: np.random.Generator) -> list[Mark]:
    """Marks of the whole body, those below first."""
    marks = [*_rear_marks(insect), *_part_marks(insect, "abdomen", rng)]
    if insect.species.waist:
        front = insect.frames["abdomen"].front
        waist = np.array([front - 0.03, front + insect.species.waist + 0.03], dtype=complex)
        marks.append(Mark(waist, insect.inks["thorax"].shaded(0.8), 0.06))
    marks += [*_part_marks(insect, "thorax", rng), *_part_marks(insect, "head", rng)]
    return [*marks, *_eye_marks(insect), *_front_marks(insect)]


def _part_marks(insect: Individual, name: PartName, rng: np.random.Generator) -> list[Mark]:
    frame, ink = insect.frames[name], insect.inks[name]
    outline = frame.outline()
    rim = frame.middle() + 1.07 * (outline - frame.middle())
    marks = [Mark(rim, ink.shaded(0.55), casts_shadow=True), Mark(outline, ink)]
    if frame.part.fuzz:
        marks.append(_hair(frame, outline, ink, rng))
    for pattern in insect.species.patterns:
        if pattern.part == name:
            marks += pattern_marks(pattern, frame, insect.inks[pattern.colour], rng)
    if frame.part.wing_case:
        marks.append(Mark(frame.at(np.array([0.02, 0.97]), 0.0), ink.shaded(0.35), 0.018))
    return [*marks, *_shading(frame, insect)]


def _hair(frame: PartFrame, outline: np.ndarray, ink: Ink, rng: np.random.Generator) -> Mark:
    """A jagged fringe around a furry part."""
    places = np.linspace(0.0, len(outline) - 1.0, NUM_HAIRS)
    ends = np.interp(places, np.arange(len(outline)), outline.real) + 1j * np.interp(
        places, np.arange(len(outline)), outline.imag
    )
    reach = 1.0 + rng.uniform(-0.3, 1.3, size=NUM_HAIRS) * frame.part.fuzz
    return Mark(frame.middle() + reach * (ends - frame.middle()), ink)


def _shading(frame: PartFrame, insect: Individual) -> list[Mark]:
    """A dark flank away from the light, a bright spot towards it."""
    dim = dataclasses.replace(frame, roll=0.0).at(AROUND, insect.lit_side * (-0.75 + 0.25 * SIDES))
    bright = ellipse(frame.point(0.35, 0.4 * insect.lit_side), complex(0.45 * frame.length), 0.16 * frame.width)
    return [Mark(dim, BLACK.faded(70)), Mark(bright, WHITE.faded(round(15 + 85 * insect.species.gloss)))]


def _eye_marks(insect: Individual) -> list[Mark]:
    eyes, frame, ink = insect.species.eyes, insect.frames["head"], insect.inks["eyes"]
    if eyes is None:
        return []
    marks = []
    for centre in (frame.point(0.42, eyes.apart), frame.point(0.42, -eyes.apart)):
        marks.append(Mark(ellipse(centre, complex(1.2 * eyes.size), eyes.size), ink))
        glint = centre + eyes.size * (0.15 + 0.1j * insect.lit_side)
        marks.append(Mark(glint + 0.15 * eyes.size * CIRCLE, WHITE.faded(110)))
    return marks


def _front_marks(insect: Individual) -> list[Mark]:
    """Snout or jaws."""
    frame, marks = insect.frames["head"], []
    if "snout" in insect.species.extras:
        snout = polyline(frame.front - 0.1 * frame.length, [0.17, 0.13], [4, -6])
        marks.append(Mark(snout, insect.inks["head"].shaded(0.8), 1.5 * insect.species.legs.width, True))
    if "jaws" in insect.species.extras:
        jaw = polyline(frame.point(0.15, 0.5), [0.14, 0.14, 0.1], [42, 5, -50])
        tooth = polyline(jaw[2], [0.07], [-80])
        for one_jaw, one_tooth in ((jaw, tooth), (jaw.conj(), tooth.conj())):
            marks.append(Mark(one_jaw, insect.inks["accent"], 0.055, True))
            marks.append(Mark(one_tooth, insect.inks["accent"], 0.035))
    return marks


def _rear_marks(insect: Individual) -> list[Mark]:
    """Pincers or tails."""
    root = insect.frames["abdomen"].point(EDGE[-2], 0.5)
    marks = []
    if "pincers" in insect.species.extras:
        pincer = polyline(root, [0.14, 0.11, 0.08], [148, 180, 225])
        marks += [Mark(points, insect.inks["accent"], 0.035, True) for points in (pincer, pincer.conj())]
    if "tails" in insect.species.extras:
        tail = polyline(root, [0.2], [152])
        marks += [Mark(points, insect.inks["legs"], 0.028) for points in (tail, tail.conj())]
    return marks
