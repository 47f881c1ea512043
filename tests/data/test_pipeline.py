import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfp_insects.data.pipeline import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Augmentation,
    Examples,
    Preprocessing,
    TrainingPipeline,
    batch_size_for,
    channel_statistics,
    evaluation_dataset,
)
from tfp_insects.data.source import ImageSource

SIZE = 8
PLAIN = Preprocessing(SIZE, mean=(0.0,) * 3, std=(1 / 255,) * 3)  # Leaves pixels as they are, in [0, 255].
NO_CHANGE = Augmentation(flip=False, shift=0.0)
LIVING_STORES = """
import gc, pathlib, sys
import numpy as np
from tfp_insects.data.image_store import ImageStore
from tfp_insects.data.pipeline import Augmentation, Examples, Preprocessing, TrainingPipeline, evaluation_dataset
from tfp_insects.data.source import ImageSource
from tfp_insects.study.graphs import graphs_forgotten

content = pathlib.Path(sys.argv[1]).read_bytes()
source = ImageSource("test", ("a",), tuple("0123"), np.zeros(4, np.int32), None, lambda index: content)
examples, preprocessing = Examples(source, np.arange(4), np.zeros(4, np.int32)), Preprocessing(8)

def print_living_stores():
    print(sum(isinstance(one, ImageStore) for one in gc.get_objects()))

for _ in range(2):  # Two runs, one after the other.
    with graphs_forgotten():
        pipeline = TrainingPipeline(examples, preprocessing, Augmentation(), 2, 0)
        evaluated = evaluation_dataset(examples, preprocessing, 2)
        list(pipeline.epoch(0)), list(evaluated)
        print_living_stores()
        del pipeline, evaluated
    print_living_stores()
"""


def encode(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


class Images:
    """Images in memory that count how often each was read."""

    def __init__(self, pixels: list[np.ndarray]) -> None:
        self.pixels = pixels
        self.reads: Counter[int] = Counter()

    def read(self, index: int) -> bytes:
        self.reads[index] += 1
        return encode(self.pixels[index])

    def examples(self, indices: Iterable[int] | None = None) -> Examples:
        count = len(self.pixels)
        ids = tuple(f"a/{i:04}.png" for i in range(count))
        source = ImageSource("test", ("a", "b"), ids, np.zeros(count, np.int32), None, self.read)
        chosen = np.array(range(count) if indices is None else list(indices), np.int64)
        return Examples(source, chosen, np.int32(chosen % 2))


def numbered_images(count: int) -> Images:
    """Image i has the colour (i, 2 i, 3 i) everywhere, so that it is known again after any augmentation."""
    return Images([np.full((SIZE, SIZE, 3), [i, 2 * i, 3 * i], np.uint8) for i in range(count)])


def random_images(count: int, size: int = SIZE) -> Images:
    rng = np.random.default_rng(0)
    return Images([rng.integers(256, size=(size, size, 3), dtype=np.uint8) for _ in range(count)])


def make_pipeline(
    examples: Examples, seed: int = 0, augmentation: Augmentation = NO_CHANGE, batch_size: int = 8
) -> TrainingPipeline:
    return TrainingPipeline(examples, PLAIN, augmentation, batch_size, seed)


def order(dataset: tf.data.Dataset) -> list[int]:
    """Which numbered image stands where."""
    return [round(float(image[0, 0, 0])) for images, _ in dataset for image in images]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def images_of(dataset: tf.data.Dataset) -> np.ndarray:
    return np.concatenate([images.numpy() for images, _ in dataset])


def test_each_example_comes_once_an_epoch_with_its_label() -> None:
    pipeline = make_pipeline(numbered_images(30).examples(range(5, 30)))
    for epoch in range(3):
        batches = list(pipeline.epoch(epoch))
        assert [len(labels) for _, labels in batches] == [8, 8, 8, 1]
        numbers = [round(float(image[0, 0, 0])) for images, _ in batches for image in images]
        assert sorted(numbers) == list(range(5, 30))
        assert [int(label) for _, labels in batches for label in labels] == [number % 2 for number in numbers]
        assert batches[0][0].dtype == tf.float32
        assert batches[0][1].dtype == tf.int32
    assert (pipeline.num_examples, pipeline.steps_per_epoch) == (25, 4)


def test_order_is_a_function_of_seed_and_epoch() -> None:
    images = numbered_images(40)
    first, resumed = make_pipeline(images.examples()), make_pipeline(images.examples())
    orders = [order(first.epoch(epoch)) for epoch in range(4)]
    # A resumed run starts a fresh pipeline in the middle; and an epoch may be read again.
    assert order(resumed.epoch(3)) == orders[3]
    assert order(first.epoch(1)) == orders[1]
    others = [order(make_pipeline(images.examples(), seed=seed).epoch(0)) for seed in (1, 2)]
    assert len({tuple(o) for o in (*orders, *others, range(40))}) == 7
    epoch = first.epoch(2)
    assert order(epoch) == order(epoch) == orders[2]


def test_orders_of_epochs_are_unrelated() -> None:
    pipeline = make_pipeline(numbered_images(80).examples())
    orders = np.array([order(pipeline.epoch(epoch)) for epoch in range(6)])
    correlations = np.corrcoef(np.concatenate([orders, np.arange(80)[np.newaxis]]))[np.triu_indices(7, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(80)


@pytest.mark.parametrize("global_seed", [0, 1])
def test_order_and_augmentation_do_not_depend_on_the_process_seed(global_seed: int) -> None:
    images, augmentation = random_images(10), Augmentation()
    expected = images_of(make_pipeline(images.examples(), augmentation=augmentation).epoch(1))
    tf.random.set_seed(global_seed)
    try:
        found = images_of(make_pipeline(images.examples(), augmentation=augmentation).epoch(1))
    finally:
        tf.compat.v1.set_random_seed(None)
    np.testing.assert_array_equal(found, expected)


def test_images_are_read_once_for_all_epochs() -> None:
    images = numbered_images(12)
    pipeline = make_pipeline(images.examples())
    for epoch in range(3):
        list(pipeline.epoch(epoch))
    assert images.reads == Counter(range(12))


@pytest.mark.long
def test_decoded_images_go_with_the_graphs(tmp_path: Path) -> None:
    # In a process of its own: what other tests leave in TensorFlow's global graph would be counted here.
    image = tmp_path / "image.png"
    image.write_bytes(encode(random_images(1).pixels[0]))
    finished = subprocess.run([sys.executable, "-c", LIVING_STORES, str(image)], capture_output=True, text=True)
    assert finished.stdout.split() == ["2", "0", "2", "0"], finished.stderr


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    content, count, side = encode(random_images(1, size=256).pixels[0]), 800, 256
    source = ImageSource(
        "test", ("a",), tuple(map(str, range(count))), np.zeros(count, np.int32), None, lambda _: content
    )
    preprocessing = Preprocessing(side)

    def read_two_epochs(num_examples: int) -> int:
        examples = Examples(source, np.arange(num_examples), np.zeros(num_examples, np.int32))
        pipeline = TrainingPipeline(examples, preprocessing, Augmentation(), 8, 0, tmp_path)
        for epoch in range(2):
            for _ in pipeline.epoch(epoch):
                pass
        return resident_bytes()

    few = read_two_epochs(50)
    assert read_two_epochs(count) - few < count * side * side * 3 / 4


def test_augmentation_repeats_under_a_seed_and_differs_between_epochs() -> None:
    images = random_images(10)
    first, again = (make_pipeline(images.examples(), augmentation=Augmentation()) for _ in range(2))
    np.testing.assert_array_equal(images_of(first.epoch(2)), images_of(again.epoch(2)))
    one_image = random_images(1)
    pipeline = make_pipeline(one_image.examples(), augmentation=Augmentation(shift=0.3))
    assert len({images_of(pipeline.epoch(epoch)).tobytes() for epoch in range(5)}) > 2


def test_places_of_an_epoch_are_augmented_differently() -> None:
    same = Images([random_images(1).pixels[0]] * 20)
    images = images_of(make_pipeline(same.examples(), augmentation=Augmentation(shift=0.3)).epoch(0))
    assert len({image.tobytes() for image in images}) > 10


def test_evaluation_keeps_order_and_pixels() -> None:
    images = random_images(10)
    chosen = [7, 2, 9, 4, 0]
    dataset = evaluation_dataset(images.examples(chosen), PLAIN, batch_size=2)
    for _ in range(2):
        batches = list(dataset)
        assert [len(labels) for _, labels in batches] == [2, 2, 1]
        assert [int(label) for _, labels in batches for label in labels] == [1, 0, 1, 0, 0]
        expected = np.stack([images.pixels[i] for i in chosen])
        np.testing.assert_allclose(images_of(dataset), expected, atol=1e-3)
    assert images.reads == Counter(chosen)


def test_no_end_of_an_iteration_waits_for_a_tuner_to_wake_up() -> None:
    examples = numbered_images(4).examples()
    datasets = make_pipeline(examples).epoch(0), evaluation_dataset(examples, PLAIN, 2)
    assert [dataset.options().autotune.enabled for dataset in datasets] == [False] * 2


def test_without_augmentation_training_images_are_evaluation_images() -> None:
    examples = random_images(6).examples()
    trained, evaluated = images_of(make_pipeline(examples).epoch(0)), images_of(evaluation_dataset(examples, PLAIN, 4))
    assert {image.tobytes() for image in trained} == {image.tobytes() for image in evaluated}


def test_preprocessing_normalises_by_imagenet_unless_told_otherwise() -> None:
    pixels = random_images(1).pixels[0]
    expected = (pixels / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    assert (IMAGENET_MEAN, IMAGENET_STD) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    np.testing.assert_allclose(Preprocessing(SIZE)(tf.constant(pixels)), expected, rtol=1e-4, atol=1e-5)
    assert Preprocessing(20)(tf.constant(pixels)).shape == (20, 20, 3)


def test_channel_statistics_are_those_of_the_given_images_alone() -> None:
    images = random_images(5)
    images.pixels += [np.full((SIZE, 2 * SIZE, 3), [250, 10, 90], np.uint8)]  # Another size: each pixel counts alike.
    mean, std = channel_statistics(images.examples([1, 3, 5]), image_size=100)
    pixels = np.concatenate([images.pixels[i].reshape(-1, 3) for i in (1, 3, 5)]) / 255.0
    np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-10)
    np.testing.assert_allclose(std, pixels.std(0), rtol=1e-10)
    assert images.reads == Counter([1, 3, 5])
    assert all(isinstance(value, float) for value in (*mean, *std))


def test_statistics_of_one_colour_still_divide() -> None:
    mean, std = channel_statistics(numbered_images(3).examples([2]), SIZE)
    np.testing.assert_allclose(mean, np.array([2, 4, 6]) / 255)
    assert min(std) > 0.0


@pytest.mark.parametrize(
    ("num_examples", "expected"), [(5000, 64), (256, 64), (255, 64), (250, 63), (50, 13), (4, 1), (1, 1)]
)
def test_few_images_make_smaller_batches(num_examples: int, expected: int) -> None:
    assert batch_size_for(num_examples, 64, min_steps_per_epoch=4) == expected
