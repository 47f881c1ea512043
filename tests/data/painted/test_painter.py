import dataclasses

import numpy as np
import pytest

from tfp_insects.data.painted.body import grow_individual
from tfp_insects.data.painted.painter import draw_insect, insect_marks
from tfp_insects.data.painted.patterns import pattern_marks
from tfp_insects.data.painted.shapes import Ink, PartFrame, WingFrame, ellipse, polyline
from tfp_insects.data.painted.species import Palette, Part, Pattern, Species, Wings
from tfp_insects.data.painted.species_pretraining import PRETRAINING_SPECIES
from tfp_insects.data.painted.species_study import LADYBIRD, STUDY_SPECIES

ALL_SPECIES = STUDY_SPECIES + PRETRAINING_SPECIES
PART = Part(length=2.0, width=1.0, widest=0.25, blunt=0.5)
INK = Ink(10, 20, 30)


def test_part_is_widest_where_its_species_says() -> None:
    frame = PartFrame(PART, front=1.0, stretch=(1.5, 0.5), roll=0.0)
    # Length 2 * 1.5 from x = 1 backwards; half the width of 1 * 0.5 on either side.
    np.testing.assert_allclose(frame.at(0.25, np.array([-1.0, 0.0, 1.0])), 0.25 + 0.25j * np.array([-1, 0, 1]))
    # With widest^k = 1/2 and widest = 1/4, k is 1/2: at u = 1/16 the profile is sqrt(sin(pi / 4)).
    expected = 1.0 - 3.0 / 16 + 0.25j * np.sqrt(np.sin(np.pi / 4))
    assert frame.point(1 / 16, 1.0) == pytest.approx(expected)
    assert frame.point(0.0, 1.0) == pytest.approx(1.0)
    assert frame.point(1.0, 1.0) == pytest.approx(-2.0, abs=1e-6)


def test_roll_turns_the_surface_about_the_long_axis() -> None:
    frame = PartFrame(PART, front=0.0, stretch=(1.0, 1.0), roll=np.pi / 6)
    assert frame.point(0.25, 0.0).imag == pytest.approx(0.5 * 0.5)  # sin(30 degrees) of half the width
    assert frame.point(0.25, 1.0).imag == pytest.approx(0.5)  # what turns out of sight stays at the edge


def test_wing_places() -> None:
    wings = Wings(length=2.0, width=1.0, angle=(90.0, 90.0), widest=0.5, lead=0.25)
    base = 0.1 + 0.2j
    wing = WingFrame(wings, base, angle=90.0, side=1, opening=1.0)
    # Straight out to the side: the leading edge is ahead (x > 0) with a quarter of the width, the trailing edge behind.
    assert complex(wing.at(0.5, -1.0)) == pytest.approx(base + 0.25 + 1j)
    assert complex(wing.at(0.5, 1.0)) == pytest.approx(base - 0.75 + 1j)
    half_open = dataclasses.replace(wing, side=-1, opening=0.5)
    assert complex(half_open.at(1.0, 0.0)) == pytest.approx(base - 1j)


def test_polyline_joins_pieces_by_angle() -> None:
    points = polyline(1 + 1j, (2.0, 3.0), (0.0, 90.0))
    np.testing.assert_allclose(points, [1 + 1j, 3 + 1j, 3 + 4j], atol=1e-12)


def test_ellipse_has_its_axes() -> None:
    outline = ellipse(5j, 4j, 2.0) - 5j
    assert np.ptp(outline.imag) == pytest.approx(4.0)
    assert np.ptp(outline.real) == pytest.approx(2.0)


@pytest.mark.parametrize("kind", ["bands", "stripes", "spots", "speckles", "shield", "patch"])
def test_patterns_stay_on_their_part(kind: str) -> None:
    frame = PartFrame(PART, front=0.0, stretch=(1.0, 1.0), roll=0.3)
    pattern = Pattern("abdomen", kind, count=(5, 5))  # type: ignore[arg-type]
    marks = pattern_marks(pattern, frame, INK, np.random.default_rng(0))
    points = np.concatenate([mark.points for mark in marks])
    along = -points.real / frame.length
    assert along.min() >= 0.0
    assert along.max() <= 1.0
    limits = np.array([abs(frame.point(float(u), 1.0).imag) for u in along])
    assert np.all(np.abs(points.imag) <= limits + 1e-9)


@pytest.mark.parametrize(("kind", "expected"), [("bands", 4), ("stripes", 4), ("spots", 8), ("speckles", 4)])
def test_patterns_have_the_asked_number_of_marks(kind: str, expected: int) -> None:
    frame = PartFrame(PART, front=0.0, stretch=(1.0, 1.0), roll=0.0)
    pattern = Pattern("abdomen", kind, count=(4, 4))  # type: ignore[arg-type]
    assert len(pattern_marks(pattern, frame, INK, np.random.default_rng(0))) == expected
    none = dataclasses.replace(pattern, count=(0, 0))
    assert pattern_marks(none, frame, INK, np.random.default_rng(0)) == []


@pytest.mark.parametrize("species", ALL_SPECIES, ids=lambda species: species.name)
def test_every_species_has_its_limbs_and_legal_colours(species: Species) -> None:
    for seed in range(3 * len(species.palettes)):
        marks = insect_marks(species, np.random.default_rng(seed))
        assert all(np.isfinite(mark.points).all() for mark in marks)
        assert all(0 <= channel <= 255 for mark in marks for channel in mark.ink)
        assert sum(mark.casts_shadow for mark in marks) >= 6 + 3  # six legs, three parts


def test_individuals_of_a_species_differ() -> None:
    insects = [grow_individual(LADYBIRD, np.random.default_rng(seed)) for seed in range(40)]
    widths = np.array([insect.frames["abdomen"].width for insect in insects])
    assert widths.std() / widths.mean() > 0.04
    assert len({insect.inks["abdomen"] for insect in insects}) == 40
    assert {insect.lit_side for insect in insects} == {-1, 1}


def test_same_generator_state_gives_the_same_picture() -> None:
    first, second = (draw_insect(LADYBIRD, np.random.default_rng(3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != draw_insect(LADYBIRD, np.random.default_rng(4)).tobytes()


def test_colours_of_the_palette_reach_the_picture() -> None:
    def mean_colour(wing_cases: tuple[int, int, int]) -> np.ndarray:
        palette = Palette(wing_cases, wing_cases, wing_cases, mark=wing_cases, accent=wing_cases)
        species = dataclasses.replace(LADYBIRD, palettes=(palette,))
        pictures = [np.asarray(draw_insect(species, np.random.default_rng(seed))) for seed in range(10)]
        return np.mean([picture.mean(axis=(0, 1)) for picture in pictures], axis=0)

    red, blue = mean_colour((230, 30, 30)), mean_colour((30, 30, 230))
    assert red[0] - blue[0] > 30.0
    assert blue[2] - red[2] > 30.0
    assert abs(red[1] - blue[1]) < 5.0
