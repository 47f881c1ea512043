import numpy as np
import pytest
import tensorflow as tf

from tfp_insects.data.pipeline import Augmentation
from tfp_insects.errors import InputError

SIZE = 8


def random_pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8)


def shifted_in_numpy(pixels: np.ndarray, flip: bool, margin: int, top: int, left: int) -> np.ndarray:
    mirrored = pixels[:, ::-1] if flip else pixels
    padded = np.pad(mirrored, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    return padded[top : top + len(pixels), left : left + len(pixels)]


def augment_eagerly(augmentation: Augmentation, pixels: np.ndarray, seeds: np.ndarray) -> list[np.ndarray]:
    return [augmentation(tf.constant(pixels), tf.constant(seed)).numpy() for seed in seeds]


def augment_inside_map(augmentation: Augmentation, pixels: np.ndarray, seeds: np.ndarray) -> list[np.ndarray]:
    dataset = tf.data.Dataset.from_tensor_slices(seeds)
    return list(dataset.map(lambda seed: augmentation(tf.constant(pixels), seed)).as_numpy_iterator())


@pytest.mark.parametrize(("flip", "shift"), [(True, 0.25), (True, 0.0), (False, 0.25), (True, 0.05)])
def test_augmentation_flips_and_shifts_evenly(flip: bool, shift: float) -> None:
    pixels, margin = random_pixels(), int(shift * SIZE)
    seeds = np.stack([np.full(400, 123, np.int64), 2 * np.arange(400)], 1)
    shifts = [(top, left) for top in range(2 * margin + 1) for left in range(2 * margin + 1)]
    possible = {
        shifted_in_numpy(pixels, flipped, margin, top, left).tobytes(): (flipped, top, left)
        for flipped in ([False, True] if flip else [False])
        for top, left in shifts
    }
    found = augment_inside_map(Augmentation(flip, shift), pixels, seeds)
    drawn = np.array([possible[image.tobytes()] for image in found], float)
    assert {image.dtype for image in found} == {np.dtype(np.uint8)}
    expected_mean = np.array([0.5 * flip, margin, margin])
    deviation = np.array([0.5 * flip, *[np.sqrt((margin * (margin + 1)) / 3)] * 2])
    assert np.all(np.abs(drawn.mean(0) - expected_mean) <= 5 * deviation / np.sqrt(400))
    if flip and margin:
        assert len(np.unique(drawn, axis=0)) == len(possible)
        assert np.abs(np.corrcoef(drawn.T)[np.triu_indices(3, 1)]).max() < 5 / np.sqrt(400)


@pytest.mark.parametrize("shift", [-0.1, 1.0, float("nan")])
def test_a_shift_that_is_no_share_of_the_image_is_refused(shift: float) -> None:
    with pytest.raises(InputError, match=rf"augmentation\.shift must be at least 0 and less than 1; got {shift}"):
        Augmentation(shift=shift)


def test_augmentation_in_map_equals_eager() -> None:
    pixels = random_pixels()
    seeds = np.arange(40, dtype=np.int64).reshape(20, 2)
    both = [augment(Augmentation(shift=0.25), pixels, seeds) for augment in (augment_eagerly, augment_inside_map)]
    np.testing.assert_array_equal(*both)


def test_images_that_are_not_square_are_shifted_along_each_axis_by_its_own_share() -> None:
    pixels = np.random.default_rng(0).integers(256, size=(20, 10, 3), dtype=np.uint8)
    seeds = np.stack([np.arange(60), np.arange(60)], 1)
    padded = np.pad(pixels, ((4, 4), (2, 2), (0, 0)), mode="reflect")
    possible = {padded[t : t + 20, left : left + 10].tobytes() for t in range(9) for left in range(5)}
    for image in augment_eagerly(Augmentation(flip=False, shift=0.2), pixels, seeds):
        assert image.tobytes() in possible
