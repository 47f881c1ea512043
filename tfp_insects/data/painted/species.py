"""A species of drawn insect as plain data.

Every insect is described seen from above. Lengths and widths share one unit, roughly the length of the insect without
antennae: only their ratios matter, because a drawing is scaled to its frame. Angles are in degrees from straight ahead
(0) over sideways (90) to straight back (180). A pair of numbers is a range from which each individual draws uniformly.
"""

import dataclasses
from typing import Literal

Range = tuple[float, float]
Colour = tuple[int, int, int]
PartName = Literal["head", "thorax", "abdomen"]
ColourName = Literal["head", "thorax", "abdomen", "mark", "accent", "legs", "wings", "eyes"]
Decor = Literal["veins", "border", "eyespot", "bars", "dots", "tip"]


@dataclasses.dataclass(frozen=True)
class Part:
    """Head, thorax or abdomen: its length, full width, and outline.

    `widest` is the place of the largest width, between 0 (front) and 1 (rear). `blunt` shapes the ends: 0.5 gives an
    ellipse, less a box, more a spindle. `fuzz` is the length of its hair as a part of the distance to the middle.
    `wing_case` marks a part that is covered by hard wings and shows the seam between them.
    """

    length: float
    width: float
    widest: float = 0.5
    blunt: float = 0.5
    fuzz: float = 0.0
    wing_case: bool = False


@dataclasses.dataclass(frozen=True)
class Eyes:
    """Two eyes: their diameter, and how far out on the head they sit (0 the middle, 1 the edge)."""

    size: float
    apart: float = 0.8


@dataclasses.dataclass(frozen=True)
class Antennae:
    """Two antennae: length, angle at the base, how many degrees they curve outwards over their length, and form."""

    length: float
    angle: Range = (20, 40)
    curve: float = 20.0
    form: Literal["thread", "elbow", "club", "feather"] = "thread"


@dataclasses.dataclass(frozen=True)
class Legs:
    """Three pairs of legs, front to rear: lengths, angles of the thighs, thickness; `jump` thickens the hind thighs."""

    lengths: tuple[float, float, float]
    angles: tuple[float, float, float] = (50.0, 95.0, 135.0)
    width: float = 0.025
    jump: float = 1.0


@dataclasses.dataclass(frozen=True)
class Wings:
    """One pair of wings.

    `widest` and `blunt` are as for a part, from the base to the tip. `lead` is the part of the width that lies before
    the wing's axis. `alpha` is the opacity (0 to 255). `above` draws them over the body. `opening` narrows the whole
    pair sideways, as half raised wings look from above. `decor` is what may be painted on them.
    """

    length: float
    width: float
    angle: Range
    widest: float = 0.65
    blunt: float = 0.5
    lead: float = 0.35
    alpha: int = 80
    above: bool = True
    opening: Range = (1.0, 1.0)
    decor: tuple[Decor, ...] = ("veins",)


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Marks on one part.

    `bands` run across and `stripes` along it, `spots` sit in mirrored pairs, `speckles` anywhere, `shield` is the
    triangle and the folded membrane of a true bug, `patch` one oval. `count` is a range of whole numbers, ends
    included; `size` is relative to the space that a mark has. `extent` limits bands and spots, from front (0) to rear
    (1).
    """

    part: PartName
    kind: Literal["bands", "stripes", "spots", "speckles", "shield", "patch"]
    count: tuple[int, int] = (1, 1)
    size: Range = (0.4, 0.6)
    colour: ColourName = "mark"
    extent: Range = (0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Palette:
    """The colours of one variety; `spread` is the relative standard deviation of an individual's colours."""

    head: Colour
    thorax: Colour
    abdomen: Colour
    mark: Colour
    accent: Colour = (235, 235, 225)
    legs: Colour = (40, 32, 26)
    wings: Colour = (225, 225, 220)
    eyes: Colour = (40, 25, 20)
    spread: float = 0.1


@dataclasses.dataclass(frozen=True)
class Species:
    """Everything the painter knows of one species. `waist` is the length of the thin piece before the abdomen."""

    name: str
    head: Part
    thorax: Part
    abdomen: Part
    legs: Legs
    antennae: Antennae
    palettes: tuple[Palette, ...]
    eyes: Eyes | None = None
    wings: tuple[Wings, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    waist: float = 0.0
    gloss: float = 0.5
    extras: tuple[Literal["snout", "jaws", "pincers", "tails", "grasping_legs"], ...] = ()
