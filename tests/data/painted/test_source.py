import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.spatial.distance import pdist
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tfp_insects.data.painted import source as synthetic
from tfp_insects.data.painted.source import contact_sheet, pretraining_source, synthetic_source
from tfp_insects.data.readers.archives import archive_source
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.own_output import MARKER_NAME

CLASSES = ("ant", "bee", "beetle", "bumblebee", "butterfly", "fly", "hoverfly", "ladybird", "shieldbug", "wasp")
NUM_PER_CLASS = 50


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    return synthetic_source(NUM_PER_CLASS, 0, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def pictures(source: ImageSource) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(source.read(index)))) for index in range(len(source.labels))]


def contents(source: ImageSource) -> dict[str, bytes]:
    return {example_id: source.read(index) for index, example_id in enumerate(source.example_ids)}


def refuse_to_draw(*_: object) -> bytes:
    raise AssertionError("drawn again although the cache is good")


def test_source_describes_itself(source: ImageSource) -> None:
    assert (source.name, source.drawn, source.groups) == ("synthetic", True, None)
    assert source.class_names == CLASSES
    assert source.example_ids[:2] == ("ant/00000.jpg", "ant/00001.jpg")
    assert source.example_ids[-1] == "wasp/00049.jpg"
    assert list(source.example_ids) == sorted(set(source.example_ids))
    assert source.labels.dtype == np.int32
    assert [CLASSES[label] for label in source.labels] == [name.split("/")[0] for name in source.example_ids]


def test_pretraining_source_shares_no_class(source: ImageSource, tmp_path: Path) -> None:
    other = pretraining_source(1, 0, tmp_path)
    assert (other.name, other.drawn) == ("synthetic_pretraining", True)
    assert len(other.class_names) >= 10
    assert list(other.class_names) == sorted(other.class_names)
    assert not set(other.class_names) & set(source.class_names)
    assert not set(contents(other).values()) & set(contents(source).values())


def test_images_depend_on_seed_class_and_number_only(source: ImageSource, tmp_path: Path) -> None:
    smaller = contents(synthetic_source(2, 0, tmp_path))
    assert len(smaller) == 20
    larger = contents(source)
    assert smaller == {example_id: larger[example_id] for example_id in smaller}
    other_seed = contents(synthetic_source(2, 1, tmp_path))
    assert not set(other_seed.values()) & set(larger.values())


def test_no_image_appears_twice(source: ImageSource, pictures: list[np.ndarray]) -> None:
    assert len(set(contents(source).values())) == 10 * NUM_PER_CLASS
    small = [np.asarray(Image.fromarray(picture).resize((8, 8)), dtype=np.float64).ravel() for picture in pictures]
    assert pdist(np.array(small)).min() > 60.0  # the same picture under other noise is about 14 away


def test_sizes_vary_between_60_and_80_pixels(pictures: list[np.ndarray]) -> None:
    sides = {side for picture in pictures for side in picture.shape[:2]}
    assert sides == set(range(60, 81))
    assert all(picture.shape[2] == 3 for picture in pictures)


def test_tensorflow_decodes_every_image(source: ImageSource, pictures: list[np.ndarray]) -> None:
    for index in range(0, len(pictures), 25):
        decoded = tf.io.decode_image(source.read(index), channels=3).numpy()
        assert decoded.shape == pictures[index].shape
        assert np.abs(decoded.astype(int) - pictures[index]).mean() < 4.0


def test_pictures_are_neither_flat_nor_black_nor_white(pictures: list[np.ndarray]) -> None:
    means = np.array([picture.mean() for picture in pictures])
    assert means.min() > 10.0
    assert means.max() < 250.0
    assert means.std() > 20.0
    assert min(picture.std() for picture in pictures) > 6.0


def test_classes_differ_in_the_colours_of_their_middle(source: ImageSource, pictures: list[np.ndarray]) -> None:
    features = np.array([_colour_counts(picture) for picture in pictures])
    held_out = np.tile(np.arange(NUM_PER_CLASS) >= 35, 10)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model.fit(features[~held_out], source.labels[~held_out])
    accuracy = model.score(features[held_out], source.labels[held_out])
    assert 0.2 < accuracy < 0.7  # chance is 0.1 with standard deviation 0.024; colours alone must not be enough


def _colour_counts(picture: np.ndarray) -> np.ndarray:
    """Share [64] of each of 4 x 4 x 4 colours in the middle half of the picture."""
    height, width, _ = picture.shape
    middle = picture[height // 4 : -height // 4, width // 4 : -width // 4] // 64
    codes = middle @ np.array([16, 4, 1])
    return np.sqrt(np.bincount(codes.ravel(), minlength=64) / codes.size)


def test_cache_is_one_zip_of_class_folders_and_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = synthetic_source(2, 0, tmp_path)
    (cached,) = tmp_path.glob("*.zip")
    monkeypatch.setattr(synthetic, "draw_example", refuse_to_draw)
    assert contents(synthetic_source(2, 0, tmp_path)) == contents(drawn)
    assert contents(archive_source(cached)) == contents(drawn)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _flip_a_byte(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 3] ^= 0xFF
    path.write_bytes(bytes(damaged))


def _replace_with_text(path: Path) -> None:
    path.write_text("not a zip")


def _leave_one_out(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()[1:]}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("damage", [_cut_short, _flip_a_byte, _replace_with_text, _leave_one_out])
def test_damaged_cache_is_drawn_anew(damage: Callable[[Path], None], tmp_path: Path) -> None:
    drawn = contents(synthetic_source(2, 0, tmp_path))
    (cached,) = tmp_path.glob("*.zip")
    good = cached.read_bytes()
    damage(cached)
    assert contents(synthetic_source(2, 0, tmp_path)) == drawn
    assert sorted(tmp_path.iterdir()) == [tmp_path / MARKER_NAME, cached]
    assert cached.read_bytes() == good


def test_cache_name_follows_the_drawing_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic_source(1, 0, tmp_path)
    monkeypatch.setattr(synthetic, "drawing_version", lambda: "another")
    synthetic_source(1, 0, tmp_path)
    assert len(list(tmp_path.glob("*.zip"))) == 2


def test_failed_write_names_the_directory_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(synthetic.zipfile.ZipFile, "writestr", full_disk)
    with pytest.raises(InputError, match=r"cannot keep the drawn insects here .*No space left on device") as caught:
        synthetic_source(1, 0, tmp_path / "new")
    assert str(caught.value).startswith(str(tmp_path / "new"))
    assert list((tmp_path / "new").iterdir()) == []


def test_cache_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(InputError, match="or name another cache directory"):
        synthetic_source(1, 0, occupied)


@pytest.mark.parametrize("number", [0, -5, 100_001])
def test_number_of_images_out_of_range_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"num_per_class={number}: drawn classes have from 1 to 100000 images each"):
        synthetic_source(number, 0, tmp_path)


def test_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="seed=-1: the seed of drawn insects must be 0 or more"):
        pretraining_source(1, -1, tmp_path)


def test_contact_sheet_shows_the_first_images_of_each_class(source: ImageSource, pictures: list[np.ndarray]) -> None:
    sheet = np.asarray(contact_sheet(source, 2))
    tile, caption = synthetic.SHEET_TILE, synthetic.SHEET_CAPTION
    assert sheet.shape == (10 * tile, caption + 2 * tile, 3)
    expected = pictures[3 * NUM_PER_CLASS + 1]
    height, width, _ = expected.shape
    shown = sheet[3 * tile : 3 * tile + height, caption + tile : caption + tile + width]
    np.testing.assert_array_equal(shown, expected)
