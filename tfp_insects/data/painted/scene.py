"""What a drawn insect sits on, and what may lie in front of it: petals, leaves, soil, grass, sky, wood.

Points of a picture are complex numbers, x + iy in pixels, as those of an insect are in `drawing_shapes`.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tfp_insects.data.painted.shapes import Ink, Mark, direction, ellipse
from tfp_insects.data.painted.species import Colour

GROUNDS: dict[str, tuple[Colour, ...]] = {
    "flower": ((238, 204, 60), (240, 236, 224), (226, 150, 190), (170, 130, 210), (236, 150, 60)),
    "leaf": ((86, 140, 52), (120, 164, 74), (60, 104, 50), (146, 170, 90)),
    "grass": ((96, 130, 58), (128, 140, 72), (70, 100, 46)),
    "soil": ((120, 94, 70), (96, 78, 62), (150, 124, 94), (84, 74, 66)),
    "wood": ((150, 116, 80), (124, 104, 84), (176, 150, 116)),
    "sky": ((170, 200, 226), (200, 212, 220), (140, 176, 150), (226, 226, 220)),
}
FOREGROUND_KINDS = ("leaf", "flower")
Size = tuple[int, int]  # width, height in pixels


def paint_ground(size: Size, rng: np.random.Generator) -> Image.Image:
    """An RGB picture of ground, unsharp to a random degree."""
    kind = list(GROUNDS)[rng.integers(len(GROUNDS))]
    ink = _pick(kind, 14.0, rng)
    cells = rng.normal(0.0, rng.uniform(4.0, 22.0), size=(*rng.integers(2, 7, size=2), 1)) + rng.normal(0.0, 5.0, 3)
    patches = np.clip(np.array(ink[:3]) + cells, 0, 255).astype(np.uint8)
    ground = Image.fromarray(patches).resize(size, Image.Resampling.BILINEAR)
    draw_marks(ground, _textures(kind, ink, size, rng))
    return ground.filter(ImageFilter.BoxBlur(rng.uniform(0.3, 1.0)))


def paint_foreground(image: Image.Image, rng: np.random.Generator) -> None:
    """Draws a leaf or petal over one edge of the image, in place."""
    angle = rng.uniform(0.0, 360.0)
    outward = direction(angle)
    edge = complex(image.width * (0.5 + 0.56 * outward.real), image.height * (0.5 + 0.56 * outward.imag))
    long_axis = rng.uniform(0.5, 0.9) * image.width * direction(angle + rng.uniform(60.0, 120.0))
    blade = ellipse(edge, long_axis, rng.uniform(0.1, 0.24) * image.height)
    draw_marks(image, [Mark(blade, _pick(FOREGROUND_KINDS[rng.integers(2)], 16.0, rng))])


def draw_marks(image: Image.Image, marks: list[Mark], scale: float = 1.0) -> None:
    """Draws marks on the image, in place; `scale` pixels are one unit of their points and widths."""
    draw = ImageDraw.Draw(image, "RGBA")
    for points, ink, width, _ in marks:
        flat = (scale * points).view(np.float64).tolist()
        if width:
            draw.line(flat, fill=ink, width=max(1, round(scale * width)))
        else:
            draw.polygon(flat, fill=ink)


def _textures(kind: str, ink: Ink, size: Size, rng: np.random.Generator) -> list[Mark]:
    """The ground's details."""
    if kind == "flower":
        return _petals(ink, size, rng)
    if kind == "leaf":
        return _leaf_veins(ink, size, rng)
    if kind == "soil":
        return _scatter(ink, size, rng, count=14, lengths=(2.0, 8.0), widths=(1.5, 6.0), disorder=90.0)
    if kind == "sky":
        return _scatter(ink, size, rng, count=4, lengths=(10.0, 26.0), widths=(8.0, 24.0), disorder=30.0)
    if kind == "grass":
        return _scatter(ink, size, rng, count=10, lengths=(70.0, 110.0), widths=(1.0, 4.0), disorder=28.0)
    return _scatter(ink, size, rng, count=8, lengths=(70.0, 130.0), widths=(0.8, 2.0), disorder=2.0)


def _scatter(
    ink: Ink,
    size: Size,
    rng: np.random.Generator,
    *,
    count: int,
    lengths: tuple[float, float],
    widths: tuple[float, float],
    disorder: float,
) -> list[Mark]:
    """Blades or blobs anywhere, in shades of the ground's colour; their angles vary by up to `disorder` degrees."""
    lean = rng.uniform(0.0, 180.0)
    marks = []
    for x, y, turn, longer, wider in rng.uniform((0, 0, -1, 0, 0), 1.0, size=(count, 5)).tolist():
        length = lengths[0] + longer * (lengths[1] - lengths[0])
        width = widths[0] + wider * (widths[1] - widths[0])
        blade = ellipse(complex(x * size[0], y * size[1]), length * direction(lean + disorder * turn), width)
        marks.append(Mark(blade, _vary(ink, 24.0, rng).faded(150)))
    return marks


def _petals(ink: Ink, size: Size, rng: np.random.Generator) -> list[Mark]:
    """Petals around a centre that may lie outside the picture, often before green."""
    across, down = (rng.uniform(-0.2, 1.2, size=2) * size).tolist()
    centre, reach = complex(across, down), rng.uniform(0.5, 1.1) * size[0]
    count, start = int(rng.integers(5, 12)), rng.uniform(0.0, 180.0)
    marks = []
    if rng.random() < 0.6:
        corners = np.array([0, size[0], complex(*size), 1j * size[1]])
        marks.append(Mark(corners, _pick("grass", 20.0, rng)))
    for petal in range(count):
        axis = reach * direction(start + 360.0 * petal / count)
        marks.append(Mark(ellipse(centre + 0.5 * axis, axis, 2.4 * reach / count), _vary(ink, 9.0, rng)))
    heart = _vary(Ink(196, 150, 50), 18.0, rng)
    return [*marks, Mark(ellipse(centre, complex(0.3 * reach), 0.3 * reach), heart)]


def _leaf_veins(ink: Ink, size: Size, rng: np.random.Generator) -> list[Mark]:
    """A midrib and side veins, lighter than the leaf."""
    across, down = (rng.uniform(0.2, 0.8, size=2) * size).tolist()
    middle, rib = complex(across, down), direction(rng.uniform(0.0, 180.0))
    light = Ink(*(min(255, channel + int(rng.uniform(14, 40))) for channel in ink[:3])).faded(170)
    spacing = rng.uniform(9.0, 20.0)
    marks = [Mark(np.array([middle - 100 * rib, middle + 100 * rib]), light, 2.0)]
    for step in range(-4, 5):
        fork = middle + step * spacing * rib
        ends = [fork + 60 * rib * direction(45), fork, fork + 60 * rib * direction(-45)]
        marks.append(Mark(np.array(ends), light, 1.0))
    return marks


def _pick(kind: str, scale: float, rng: np.random.Generator) -> Ink:
    """One of the colours of a kind of ground, varied."""
    return _vary(Ink(*GROUNDS[kind][rng.integers(len(GROUNDS[kind]))]), scale, rng)


def _vary(ink: Ink, scale: float, rng: np.random.Generator) -> Ink:
    """The colour made lighter or darker, and slightly of another hue."""
    shade, *hue = rng.normal(0.0, scale, size=4).tolist()
    return Ink(*(min(255, max(0, int(c + shade + 0.4 * h))) for c, h in zip(ink[:3], hue, strict=True)))
