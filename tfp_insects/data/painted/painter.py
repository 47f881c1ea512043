"""One painter for every species: poses an individual, draws it on a ground, and photographs it.

The insect is drawn at twice the final size and shrunk, which smooths its edges. All randomness comes from the generator
that is given, so an image depends on its own seed alone.
"""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tfp_insects.data.painted.body import body_marks, grow_individual
from tfp_insects.data.painted.limbs import antenna_marks, leg_marks, wing_marks
from tfp_insects.data.painted.scene import Size, draw_marks, paint_foreground, paint_ground
from tfp_insects.data.painted.shapes import Mark, direction
from tfp_insects.data.painted.species import Species

SMALLEST, LARGEST = 60, 80  # pixels of either side of an image
OVERSAMPLING = 2
FOREGROUND_SHARE = 0.2
JPEG_QUALITY = 92


def draw_insect(species: Species, rng: np.random.Generator) -> Image.Image:
    """Draws one insect: an RGB image, each side between `SMALLEST` and `LARGEST` pixels."""
    width, height = rng.integers(SMALLEST, LARGEST + 1, size=2).tolist()
    marks = _pose(insect_marks(species, rng), (width, height), rng)
    ground = _cast_shadow(paint_ground((width, height), rng), marks, rng)
    image = ground.resize((width * OVERSAMPLING, height * OVERSAMPLING), Image.Resampling.NEAREST)
    draw_marks(image, marks, scale=OVERSAMPLING)
    if rng.random() < FOREGROUND_SHARE:
        paint_foreground(image, rng)
    return _photograph(image.reduce(OVERSAMPLING), rng)


def encode_image(image: Image.Image) -> bytes:
    """The image as JPEG."""
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def insect_marks(species: Species, rng: np.random.Generator) -> list[Mark]:
    """All marks of a new individual in body coordinates, those below first."""
    insect = grow_individual(species, rng)
    return [
        *leg_marks(insect, rng),
        *wing_marks(insect, False, rng),
        *antenna_marks(insect, rng),
        *body_marks(insect, rng),
        *wing_marks(insect, True, rng),
    ]


def _pose(marks: list[Mark], size: Size, rng: np.random.Generator) -> list[Mark]:
    """Bends, slants, turns, scales and places the insect: its marks in pixels of the final image."""
    points = np.concatenate([mark.points for mark in marks])
    bend, turn = rng.normal(0.0, 0.18), rng.normal(0.0, 0.25)
    points += 1j * (bend * np.minimum(points.real, 0.0) ** 2 + turn * np.maximum(points.real, 0.0) ** 2)
    points = direction(rng.uniform(0.0, 360.0)) * points
    points.imag *= rng.uniform(0.72, 1.0)  # seen at a slant
    points = direction(rng.uniform(0.0, 360.0)) * points
    low, high = complex(points.real.min(), points.imag.min()), complex(points.real.max(), points.imag.max())
    scale = rng.uniform(0.85, 1.15) * min(size[0] / (high - low).real, size[1] / (high - low).imag)
    right, down = (np.array(size) * (0.5 + rng.normal(0.0, 0.05, size=2))).tolist()
    points = (points - 0.5 * (low + high)) * scale + complex(right, down)
    ends = np.cumsum([len(mark.points) for mark in marks]).tolist()
    return [
        Mark(points[end - len(mark.points) : end], mark.ink, mark.width * scale, mark.casts_shadow)
        for mark, end in zip(marks, ends, strict=True)
    ]


def _cast_shadow(ground: Image.Image, marks: list[Mark], rng: np.random.Generator) -> Image.Image:
    """The ground, darkened beside the insect."""
    mask = Image.new("L", ground.size)
    draw, shade = ImageDraw.Draw(mask), int(rng.uniform(30, 150))
    offset = complex(*rng.normal(0.0, 0.05 * ground.width, size=2).tolist())
    for points, _, width, casts_shadow in marks:
        if casts_shadow:
            flat = (points + offset).view(np.float64).tolist()
            if width:
                draw.line(flat, fill=shade, width=max(1, round(width)))
            else:
                draw.polygon(flat, fill=shade)
    ground.paste((0, 0, 0), mask=mask.filter(ImageFilter.BoxBlur(rng.uniform(0.8, 2.5))))
    return ground


def _photograph(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture under some light, through some lens, with sensor noise."""
    blurred = image.filter(ImageFilter.BoxBlur(rng.uniform(0.0, 0.8)))
    contrast, brightness = rng.uniform(0.75, 1.15), rng.uniform(-28.0, 28.0)
    gain = (contrast * rng.normal(1.0, 0.06, size=3)).astype(np.float32)
    slope = np.linspace(-1.0, 1.0, image.height) * rng.normal(0.0, 10.0)
    light = (slope + 120.0 + brightness).astype(np.float32)[:, None, None] - 120.0 * gain
    pixels = rng.standard_normal((image.height, image.width, 3), dtype=np.float32)
    pixels *= np.float32(rng.uniform(1.5, 8.0))
    pixels += np.asarray(blurred) * gain + light
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
