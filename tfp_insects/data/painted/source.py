"""Drawn insects as image sources: ten species for the study, and others for pretraining.

Image i of a class depends on the seed, the class and i alone, so that a larger source contains the images of a smaller
one. What was drawn once is kept in a zip of class folders, which opens like any other data set.
"""

import contextlib
import functools
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageDraw

from tfp_insects.data.painted.painter import draw_insect, encode_image
from tfp_insects.data.painted.species import Species
from tfp_insects.data.painted.species_pretraining import PRETRAINING_SPECIES
from tfp_insects.data.painted.species_study import STUDY_SPECIES
from tfp_insects.data.readers.archives import open_archive
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.own_output import mark_own_output
from tfp_insects.progress.work import OnWork, ignore_work, told

DRAWING = "drawing images"
MAX_PER_CLASS = 100_000  # five digits keep the ids in the order of their numbers
SHEET_TILE = 84  # pixels
SHEET_CAPTION = 90  # pixels


def synthetic_source(num_per_class: int, seed: int, cache_dir: Path, on_work: OnWork = ignore_work) -> ImageSource:
    """Draws the ten classes of the drawn data set, or reads them from the cache.

    Args:
        num_per_class: Images of each class, from 1 to `MAX_PER_CLASS`.
        seed: Not negative; another seed gives other individuals of the same species.
        cache_dir: Where the drawn images are kept; created if it is not there.
        on_work: Told of images as they are drawn.

    Raises:
        InputError: A number is out of range, or `cache_dir` cannot be written.
    """
    return _drawn_source("synthetic", STUDY_SPECIES, num_per_class, seed, cache_dir, on_work)


def pretraining_source(num_per_class: int, seed: int, cache_dir: Path, on_work: OnWork = ignore_work) -> ImageSource:
    """Draws classes that `synthetic_source` does not have; arguments and errors are the same."""
    return _drawn_source("synthetic_pretraining", PRETRAINING_SPECIES, num_per_class, seed, cache_dir, on_work)


def draw_example(species: Species, seed: int, index: int) -> bytes:
    """Image number `index` of a species, as JPEG."""
    rng = np.random.default_rng([seed, zlib.crc32(species.name.encode()), index])
    return encode_image(draw_insect(species, rng))


def contact_sheet(source: ImageSource, num_per_class: int) -> Image.Image:
    """The first images of each class side by side, one row a class.

    `docs/images/drawn_insects.png` is `contact_sheet(synthetic_source(6, 0, cache_dir), 6)`, reduced to 256 colours by
    `quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)` and saved with `optimize=True`.
    """
    size = (SHEET_CAPTION + SHEET_TILE * num_per_class, SHEET_TILE * len(source.class_names))
    sheet = Image.new("RGB", size, "white")
    for row, class_name in enumerate(source.class_names):
        ImageDraw.Draw(sheet).text((4, SHEET_TILE * (row + 0.45)), class_name, fill="black")
        for column, index in enumerate(np.flatnonzero(source.labels == row)[:num_per_class].tolist()):
            with Image.open(io.BytesIO(source.read(index))) as image:
                sheet.paste(image, (SHEET_CAPTION + SHEET_TILE * column, SHEET_TILE * row))
    return sheet


def _drawn_source(
    name: str, all_species: Sequence[Species], num_per_class: int, seed: int, cache_dir: Path, on_work: OnWork
) -> ImageSource:
    if not 1 <= num_per_class <= MAX_PER_CLASS:
        raise InputError(f"num_per_class={num_per_class}: drawn classes have from 1 to {MAX_PER_CLASS} images each.")
    if seed < 0:
        raise InputError(f"seed={seed}: the seed of drawn insects must be 0 or more.")
    by_name = sorted(all_species, key=lambda species: species.name)
    ids = tuple(f"{species.name}/{index:05d}.jpg" for species in by_name for index in range(num_per_class))
    path = cache_dir / f"{name}-{drawing_version()}-seed{seed}-{num_per_class}.zip"
    if not _is_cached(path, ids):
        images = (draw_example(species, seed, index) for species in by_name for index in range(num_per_class))
        _write_cache(path, ids, told(images, on_work, DRAWING, of=len(ids)))
    _, read = open_archive(path, max_unpacked_bytes=None)
    return ImageSource(
        name=name,
        class_names=tuple(species.name for species in by_name),
        example_ids=ids,
        labels=np.repeat(np.arange(len(by_name), dtype=np.int32), num_per_class),
        groups=None,
        read=lambda index: read(ids[index]),
        drawn=True,
    )


@functools.cache
def drawing_version() -> str:
    """Twelve hex digits that change with the drawing code and the libraries it draws with."""
    digest = hashlib.sha256(f"{np.__version__} {PIL.__version__}".encode())
    folder = Path(__file__).parent
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _is_cached(path: Path, ids: tuple[str, ...]) -> bool:
    """Whether the file is there and whole; the zip's checksums tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.namelist()) == ids and archive.testzip() is None
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False


def _write_cache(path: Path, ids: tuple[str, ...], images: Iterable[bytes]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(unfinished, "w") as archive:
            for member, image in zip(ids, images, strict=True):
                archive.writestr(zipfile.ZipInfo(member), image)
        os.replace(unfinished, path)
        mark_own_output(path.parent, [path.name])
    except OSError as error:
        raise InputError(
            f"{path.parent}: cannot keep the drawn insects here ({error}). Make this directory writable, or free some "
            "space, or name another cache directory."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
