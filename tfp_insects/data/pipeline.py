"""tf.data pipelines from a source's examples to batches of normalised images."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_insects.data.decoding import decoded
from tfp_insects.data.image_store import ImageStore
from tfp_insects.data.imagenet import IMAGENET_MEAN, IMAGENET_STD
from tfp_insects.data.images import normalise
from tfp_insects.data.sharding import WHOLE, Sharding
from tfp_insects.data.source import ImageSource
from tfp_insects.errors import InputError
from tfp_insects.progress.work import OnWork, ignore_work, told
from tfp_insects.startup import without_autograph

READING = "reading images"
PREFETCHED_BATCHES = 2  # A batch of 64 takes 40 MB; left to itself, tf.data keeps more of them the longer an epoch is.


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """From a decoded image to a model's input; stored with a run, so that prediction does the same.

    Attributes:
        image_size: Side of the square input in pixels.
        mean: Channel means in units of [0, 1].
        std: Channel standard deviations in units of [0, 1].
    """

    image_size: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Resizes and normalises uint8 `[height, width, 3]` to float32 `[image_size, image_size, 3]`."""
        return normalise(image, self.image_size, self.mean, self.std)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of training images.

    Attributes:
        flip: Whether half of the images are mirrored left to right.
        shift: Largest shift along each axis, as a share of the image's side; the gap is filled by mirroring.
    """

    flip: bool = True
    shift: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 <= self.shift < 1.0:
            raise InputError(f"augmentation.shift must be at least 0 and less than 1; got {self.shift}")

    @property
    def is_identity(self) -> bool:
        """Whether images stay as they are."""
        return not self.flip and self.shift == 0.0

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Changes one image `[height, width, 3]` under a stateless seed `[2]`."""
        if self.flip:
            image = tf.image.stateless_random_flip_left_right(image, seed)
        return self._shifted(image, seed + 1) if self.shift > 0.0 else image

    def _shifted(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(image)
        margin = tf.cast(self.shift * tf.cast(shape[:2], tf.float32), tf.int32)
        padding = tf.stack([[margin[0], margin[0]], [margin[1], margin[1]], [0, 0]])
        shifted = tf.image.stateless_random_crop(tf.pad(image, padding, mode="REFLECT"), shape, seed)
        shifted.set_shape(image.shape)
        return shifted


@dataclasses.dataclass(frozen=True)
class Examples:
    """Chosen examples of a source.

    Attributes:
        source: Where the images come from.
        indices: int64 `[num_examples]`, indices into the source.
        labels: int32 `[num_examples]`, indices into the kept classes.
    """

    source: ImageSource
    indices: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)


def decoded_images(examples: Examples, image_size: int) -> Iterator[np.ndarray]:
    """Decoded images, uint8 `[height, width, 3]`, in the examples' order; decoded anew each time."""
    return decoded((examples.source.read(int(index)) for index in examples.indices), image_size)


class StoredExamples:
    """Examples whose images are decoded once, and whose memory does not grow with their number.

    TensorFlow keeps the Python function of an input pipeline, and so these, until its graphs are cleared
    (`tfp_insects.study.graphs`).

    Args:
        examples: The examples.
        image_size: The model's input size; see `decode_image`.
        directory: Where the file of decoded images is made, see `ImageStore`.
        on_work: Told of images as they are decoded.
    """

    def __init__(
        self, examples: Examples, image_size: int, directory: Path | None, on_work: OnWork = ignore_work
    ) -> None:
        images = decoded_images(examples, image_size)
        self._store = ImageStore(told(images, on_work, READING, of=len(examples)), directory)
        self._labels = examples.labels

    def __len__(self) -> int:
        return len(self._labels)

    def dataset(self, order: np.ndarray) -> tf.data.Dataset:
        """Numbers of examples (int64) in the given order, with their labels (int32)."""
        return tf.data.Dataset.from_tensor_slices((order.astype(np.int64), self._labels[order]))

    def image(self, number: tf.Tensor) -> tf.Tensor:
        """The decoded image of an example, uint8 `[height, width, 3]`; for the graph of an input pipeline."""
        image = tf.numpy_function(self._store.read, [number], tf.uint8, stateful=False)
        image.set_shape([None, None, 3])
        return image


def evaluation_dataset(
    examples: Examples,
    preprocessing: Preprocessing,
    batch_size: int,
    directory: Path | None = None,
    on_work: OnWork = ignore_work,
) -> tf.data.Dataset:
    """Batches of normalised images and labels, in the examples' order.

    Args:
        examples: The examples.
        preprocessing: Resizing and normalisation.
        batch_size: Images in a batch; the last one may be smaller.
        directory: Where decoded images are kept, see `ImageStore`.
        on_work: Told of images as they are decoded.
    """
    stored = StoredExamples(examples, preprocessing.image_size, directory, on_work)
    numbers = stored.dataset(np.arange(len(stored)))
    images = _mapped(numbers, lambda number, label: (preprocessing(stored.image(number)), label))
    return images.batch(batch_size).prefetch(PREFETCHED_BATCHES)


class TrainingPipeline:
    """Batches of augmented training images, anew for each epoch.

    The order and the augmentation are functions of (seed, epoch, place in the epoch), so a resumed run sees what an
    uninterrupted one would.

    Args:
        examples: The training examples.
        preprocessing: Resizing and normalisation.
        augmentation: Random changes.
        batch_size: Images in a batch, of all processes; the last batch of an epoch may be smaller.
        seed: Integer.
        directory: Where decoded images are kept, see `ImageStore`.
        on_work: Told of images as they are decoded.
        sharding: Which images of each batch this process reads; all by default.
    """

    def __init__(
        self,
        examples: Examples,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        directory: Path | None = None,
        on_work: OnWork = ignore_work,
        sharding: Sharding = WHOLE,
    ) -> None:
        self._stored = StoredExamples(examples, preprocessing.image_size, directory, on_work)
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._sharding = sharding
        self.batch_size = batch_size
        self._seed = seed
        self._prepare = tf.function(self._prepare_example, autograph=False)  # Traced once, not in each epoch.

    @property
    def num_examples(self) -> int:
        """Number of training images."""
        return len(self._stored)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-self.num_examples // self.batch_size)

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """The batches `(images, labels)` of one epoch: float32 `[batch, image_size, image_size, 3]` and int32 `[batch]`."""
        order_seed, augmentation_seed = np.random.SeedSequence([self._seed, epoch]).generate_state(2).astype(np.int64)

        def prepare(place: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            return self._prepare(place, *example, tf.constant(augmentation_seed))

        # Not tf.data's shuffle: its order would depend on tf.random.set_seed, and its buffer would hold all images.
        order = np.random.default_rng(order_seed).permutation(self.num_examples)
        if self._sharding.is_whole:
            images = _mapped(self._stored.dataset(order).enumerate(), prepare)
            return images.batch(self.batch_size).prefetch(PREFETCHED_BATCHES)
        places = self._sharding.places(self.num_examples, self.batch_size)
        numbered = tf.data.Dataset.from_tensor_slices(places), self._stored.dataset(order[places])
        share = self._sharding.share(min(self.batch_size, self.num_examples))  # No later batch has a larger one.
        return (
            _mapped(tf.data.Dataset.zip(numbered), prepare).batch(share.stop - share.start).prefetch(PREFETCHED_BATCHES)
        )

    def _prepare_example(
        self, place: tf.Tensor, number: tf.Tensor, label: tf.Tensor, augmentation_seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        seed = tf.stack([augmentation_seed, 2 * place])
        return self._preprocessing(self._augmentation(self._stored.image(number), seed)), label


def _mapped(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    """Maps in as many threads as TensorFlow has; the options hold for all that is made of the data set."""
    # tf.data's tuner wakes up after 10, 20, 40 ... ms, and the end of an iteration often waits for it: without this,
    # epochs last 5.1, 10.2 or 20.5 seconds.
    options = tf.data.Options()
    options.autotune.enabled = False
    function = without_autograph(function)
    return dataset.map(function, tf.data.AUTOTUNE).with_options(options)


def channel_statistics(examples: Examples, image_size: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels of the given (training) images, in units of [0, 1]."""
    count, total, squares = 0, np.zeros(3), np.zeros(3)
    for image in decoded_images(examples, image_size):
        pixels = image.reshape(-1, 3).astype(np.float64) / 255.0
        count += len(pixels)
        total += pixels.sum(0)
        squares += np.square(pixels).sum(0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 1e-12))
    return tuple(mean.tolist()), tuple(std.tolist())


def batch_size_for(num_examples: int, batch_size: int, min_steps_per_epoch: int) -> int:
    """The batch size, smaller where few images would give fewer steps an epoch than asked for."""
    return max(1, min(batch_size, -(-num_examples // min_steps_per_epoch)))
