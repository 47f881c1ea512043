"""Legs, antennae and wings of a drawn insect."""

import numpy as np

from tfp_insects.data.painted.body import Individual
from tfp_insects.data.painted.shapes import CIRCLE, Ink, Mark, WingFrame, direction, ellipse, polyline
from tfp_insects.data.painted.species import ColourName, Decor, Legs, Wings

LEG_ROOTS = (0.25, 0.5, 0.75)  # places of the three pairs along the thorax
LEG_BENDS = (-20.0, 15.0, 28.0)  # degrees that the shin turns against the thigh
NUM_BARBS = 5


def leg_marks(insect: Individual, rng: np.random.Generator) -> list[Mark]:
    """Three pairs of jointed legs in mid-stride."""
    legs, thorax = insect.species.legs, insect.frames["thorax"]
    wobble = rng.normal(0.0, 1.0, size=(3, 2, 3)).tolist()
    stride = rng.uniform(-14.0, 14.0)
    marks = []
    for pair in range(3):
        if pair == 0 and "grasping_legs" in insect.species.extras:
            marks += _grasping_legs(insect, rng)
            continue
        root = thorax.point(LEG_ROOTS[pair], 0.7)
        for mirrored in (False, True):
            gait = stride if (pair % 2) == mirrored else -stride
            points = _leg(legs, pair, root, gait, wobble[pair][mirrored])
            marks += _one_leg_marks(points.conj() if mirrored else points, legs, pair, insect.inks["legs"])
    return marks


def _leg(legs: Legs, pair: int, root: complex, gait: float, wobble: list[float]) -> np.ndarray:
    """Points [4] of a leg of the side y > 0: root, knee, ankle, toe."""
    length = legs.lengths[pair]
    thigh = legs.angles[pair] + gait + 6.0 * wobble[0]
    shin = thigh + LEG_BENDS[pair] + 10.0 * wobble[1]
    foot = shin + 0.5 * LEG_BENDS[pair] + 12.0 * wobble[2]
    return polyline(root, (0.4 * length, 0.37 * length, 0.23 * length), (thigh, shin, foot))


def _one_leg_marks(points: np.ndarray, legs: Legs, pair: int, ink: Ink) -> list[Mark]:
    whole = Mark(points, ink, legs.width, casts_shadow=True)
    if pair == 2 and legs.jump > 1.0:
        thigh = points[1] - points[0]
        return [whole, Mark(ellipse(points[0] + 0.5 * thigh, thigh, 2.0 * legs.jump * legs.width), ink)]
    return [whole, Mark(points[:2], ink, 1.5 * legs.width)]


def _grasping_legs(insect: Individual, rng: np.random.Generator) -> list[Mark]:
    """A mantis's folded front legs."""
    ink, marks = insect.inks["legs"], []
    root = insect.frames["thorax"].point(0.2, 0.5)
    for mirrored in (False, True):
        raised = rng.uniform(25.0, 60.0)
        arm = polyline(root, (0.2, 0.24), (raised, raised - 35.0))
        shin = polyline(arm[-1], (0.2,), (raised + 115.0,))
        for points, width in ((arm, 0.055), (shin, 0.03)):
            marks.append(Mark(points.conj() if mirrored else points, ink, width, casts_shadow=True))
    return marks


def antenna_marks(insect: Individual, rng: np.random.Generator) -> list[Mark]:
    """Two antennae of the species' form."""
    antennae, ink = insect.species.antennae, insect.inks["legs"]
    root = insect.frames["head"].point(0.2, 0.4)
    marks = []
    for mirrored in (False, True):
        angle, curve = rng.uniform(*antennae.angle), antennae.curve + rng.normal(0.0, 8.0)
        turns = (25.0, 25.0, -22.0, -18.0) if antennae.form == "elbow" else (0.0, curve / 3, curve / 1.5, curve)
        points = polyline(root, (antennae.length / 4.0,) * 4, [angle + turn for turn in turns])
        points = points.conj() if mirrored else points
        marks.append(Mark(points, ink, 0.8 * insect.species.legs.width))
        if antennae.form == "club":
            marks.append(Mark(points[-1] + 0.032 * CIRCLE, ink))
        if antennae.form == "feather":
            marks += _barbs(points, ink)
    return marks


def _barbs(points: np.ndarray, ink: Ink) -> list[Mark]:
    """Barbs across a feathered antenna, shorter towards the tip."""
    stem = points[-1] - points[1]
    barb = 0.09 * stem / abs(stem)
    marks = []
    for place in np.linspace(0.0, 1.0, NUM_BARBS).tolist():
        root, reach = points[1] + place * stem, (1.0 - 0.65 * place) * barb
        ends = [root + reach * direction(55.0), root, root + reach * direction(-55.0)]
        marks.append(Mark(np.array(ends), ink.faded(190), 0.016))
    return marks


def wing_marks(insect: Individual, above: bool, rng: np.random.Generator) -> list[Mark]:
    """All pairs of wings that lie above (or below) the body, hind wings first."""
    marks, lift = [], rng.random()
    for wings in insect.species.wings:
        if wings.above == above:
            marks += _pair_marks(insect, wings, lift, rng)
    return marks


def _pair_marks(insect: Individual, wings: Wings, lift: float, rng: np.random.Generator) -> list[Mark]:
    """One pair; `lift` (0 to 1) is how far it is spread."""
    angle = wings.angle[0] + (wings.angle[1] - wings.angle[0]) * (0.25 * rng.random() + 0.75 * lift)
    opening = wings.opening[0] + (wings.opening[1] - wings.opening[0]) * lift
    chosen = [item for item in wings.decor if item == "veins" or rng.random() < 0.7]
    dice = rng.random(7).tolist()
    base = insect.frames["thorax"].point(0.35, 0.5)
    ink = insect.inks["wings"].faded(wings.alpha)
    edge = ink.shaded(0.45).faded(max(120, wings.alpha // 2))
    marks = []
    for side, start in ((1, base), (-1, base.conjugate())):
        frame = WingFrame(wings, start, angle + rng.normal(0.0, 3.0), side, opening * rng.uniform(0.9, 1.0))
        outline = frame.outline()
        marks.append(Mark(outline, ink, casts_shadow=wings.alpha == 255))
        marks += _decor(frame, chosen, insect.inks, dice)
        marks.append(Mark(outline, edge, 0.012))
    return marks


def _decor(frame: WingFrame, chosen: list[Decor], inks: dict[ColourName, Ink], dice: list[float]) -> list[Mark]:
    """What is painted on one wing; `dice` (7 numbers in [0, 1)) is shared by the wings of a pair."""
    mark, alpha, marks = inks["mark"], frame.wings.alpha, []
    if "bars" in chosen:
        for along in (0.3 + 0.15 * dice[0], 0.6 + 0.15 * dice[1]):
            bar = frame.at(along, np.array([-0.95, 0.0, 0.95]))
            marks.append(Mark(bar, mark.faded(170), 0.03 + 0.05 * dice[2]))
    if "tip" in chosen:
        marks.append(Mark(frame.outline(0.72 + 0.16 * dice[3]), mark.faded(alpha)))
    if "veins" in chosen:
        dark = mark if alpha == 255 else inks["wings"].shaded(0.4)
        ends = frame.at(0.93, np.array([-0.6, 0.05, 0.65]))
        marks += [Mark(np.array([frame.base, end]), dark.faded(120), 0.012) for end in ends]
    if "border" in chosen:
        marks.append(Mark(frame.outline(0.2), mark.faded(min(255, 2 * alpha)), 0.03 + 0.03 * dice[4]))
    if "eyespot" in chosen:
        centre, radius = frame.at(0.5 + 0.2 * dice[5], 0.2), 0.05 + 0.06 * dice[6]
        marks += [Mark(centre + radius * CIRCLE, inks["accent"]), Mark(centre + 0.5 * radius * CIRCLE, mark)]
    if "dots" in chosen:
        marks += [Mark(place + 0.025 * CIRCLE, mark) for place in frame.at(0.85, np.array([-0.5, 0.0, 0.5]))]
    return marks
