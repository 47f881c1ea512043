"""tf.data pipelines from a source's examples to batches of normalised images."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfp_insects.data.images import decode_image, normalise
from tfp_insects.data.sources import ImageSource
from tfp_insects.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


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


def decoded_dataset(examples: Examples, image_size: int) -> tf.data.Dataset:
    """Decoded images (uint8 `[height, width, 3]`) with labels (int32), cached in memory as they are first read."""

    def read() -> Iterator[tuple[bytes, int]]:
        for index, label in zip(examples.indices, examples.labels, strict=True):
            yield examples.source.read(int(index)), int(label)

    signature = (tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32))
    encoded = tf.data.Dataset.from_generator(read, output_signature=signature)
    decoded = encoded.map(lambda content, label: (decode_image(content, image_size), label), tf.data.AUTOTUNE)
    return decoded.cache().apply(tf.data.experimental.assert_cardinality(len(examples)))


def evaluation_dataset(examples: Examples, preprocessing: Preprocessing, batch_size: int) -> tf.data.Dataset:
    """Batches of normalised images and labels, in the examples' order."""
    decoded = decoded_dataset(examples, preprocessing.image_size)
    return (
        decoded.map(lambda image, label: (preprocessing(image), label), tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(tf.data.AUTOTUNE)
    )


class TrainingPipeline:
    """Batches of augmented training images, anew for each epoch.

    The order and the augmentation are functions of (seed, epoch, place in the epoch), so a resumed run sees what an
    uninterrupted one would.

    Args:
        examples: The training examples.
        preprocessing: Resizing and normalisation.
        augmentation: Random changes.
        batch_size: Images in a batch; the last batch of an epoch may be smaller.
        seed: Integer.
    """

    def __init__(
        self,
        examples: Examples,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
    ) -> None:
        self._decoded = decoded_dataset(examples, preprocessing.image_size)
        self._num_examples = len(examples)
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._batch_size = batch_size
        self._seed = seed

    @property
    def num_examples(self) -> int:
        """Number of training images."""
        return self._num_examples

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return -(-self._num_examples // self._batch_size)

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """The batches `(images, labels)` of one epoch: float32 `[batch, image_size, image_size, 3]` and int32 `[batch]`."""
        order_seed, augmentation_seed = np.random.SeedSequence([self._seed, epoch]).generate_state(2).astype(np.int64)

        def prepare(place: tf.Tensor, example: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            image, label = example
            augmented = self._augmentation(image, tf.stack([tf.constant(augmentation_seed), 2 * place]))
            return self._preprocessing(augmented), label

        return (
            self._decoded.shuffle(self._num_examples, seed=int(order_seed), reshuffle_each_iteration=False)
            .enumerate()
            .map(prepare, tf.data.AUTOTUNE)
            .batch(self._batch_size)
            .prefetch(tf.data.AUTOTUNE)
        )


def channel_statistics(examples: Examples, image_size: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels of the given (training) images, in units of [0, 1]."""
    count, total, squares = 0, np.zeros(3), np.zeros(3)
    for image, _ in decoded_dataset(examples, image_size).as_numpy_iterator():
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
