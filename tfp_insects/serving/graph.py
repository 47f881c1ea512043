"""What a server runs: a graph of plain TensorFlow operations from images to probabilities and uncertainties."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.moments_graph import PredictiveGraph
from tfp_insects.data.images import decode_image, shrink_large
from tfp_insects.data.pipeline import Preprocessing

# Resizing on the client's side may leave [0, 1] by rounding; images in [0, 255] leave it by far.
RANGE_TOLERANCE = 1e-3
LARGEST_SEED = 2**63 - 1


class Scored(NamedTuple):
    """What scores of being of no known class are made of.

    Attributes:
        mean: Mean probabilities, float32 `[batch, num_classes]`.
        predictive: Their entropy, float32 `[batch]`.
        aleatoric: Mean entropy of the draws, float32 `[batch]`.
        leverage: float32 `[batch]`, see `bayes.head_covariance`; none where the last layer has no covariance.
    """

    mean: tf.Tensor
    predictive: tf.Tensor
    aleatoric: tf.Tensor
    leverage: tf.Tensor | None = None

    @property
    def epistemic(self) -> tf.Tensor:
        """Mutual information, float32 `[batch]`."""
        return tf.maximum(self.predictive - self.aleatoric, 0.0)


# Scores of `metrics.unknown` in TensorFlow.
SERVED_SCORES: Mapping[str, Callable[[Scored], tf.Tensor]] = {
    "predictive_entropy": lambda scored: scored.predictive,
    "mutual_information": lambda scored: scored.epistemic,
    "one_minus_max_probability": lambda scored: 1.0 - tf.reduce_max(scored.mean, axis=-1),
    "leverage": lambda scored: scored.leverage,
}


class AlarmRule(NamedTuple):
    """Which images are called unknown.

    Attributes:
        score: Name of one of `SERVED_SCORES`.
        threshold: Images with a higher score are; only those with a lower one are accepted.
    """

    score: str
    threshold: float


@dataclasses.dataclass(frozen=True)
class ServingOptions:
    """What is fixed at export.

    Attributes:
        preprocessing: The run's resizing and normalisation.
        class_names: Names in the order of the model's outputs.
        num_samples: Draws of what lies before the dense layers; 1 for its mean. See `MomentsPredictor`.
        num_last_layer_samples: Draws of the logits for each of these.
        threshold: Answers whose highest probability is at least this are accepted; infinity accepts none.
        alarm: Which images are called unknown; none where none is.
    """

    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    num_samples: int
    num_last_layer_samples: int
    threshold: float
    alarm: AlarmRule | None = None


class ServedModel(tf.Module):
    """Signatures over float32 variables: the weights that predictions need, and nothing else.

    Nothing that is saved is of tf_keras or tfp, and no operation is compiled by XLA, so whatever loads a SavedModel runs it.

    Args:
        model: Either twin, in float32.
        options: What is fixed at export.
        class_names_file: Text file with one class name a line, for the export's assets.
    """

    def __init__(self, model: tf_keras.Model, options: ServingOptions, class_names_file: Path) -> None:
        super().__init__()
        self._options = options
        self.class_names_file = tf.saved_model.Asset(str(class_names_file))
        self.predictive = PredictiveGraph(model, options.num_samples, options.num_last_layer_samples)
        side = options.preprocessing.image_size
        prepared, seed = tf.TensorSpec([None, side, side, 3]), tf.TensorSpec([], tf.int64)
        # One library function, shared by all signatures.
        self.answer = tf.function(self._answer_prepared, input_signature=[prepared, seed], autograph=False)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
    def predict_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers encoded images `[batch]`, JPEG or PNG, with fresh noise.

        Raises:
            tf.errors.InvalidArgumentError: One of them is neither, or damaged; none is answered then.
        """
        return self.answer(self.prepare_bytes(image_bytes), _fresh_seed())

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")], autograph=False)
    def predict_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers RGB images in [0, 1], `[batch, height, width, 3]`, with fresh noise.

        Raises:
            tf.errors.InvalidArgumentError: A number lies outside [0, 1].
        """
        return self.answer(self.prepare_images(images), _fresh_seed())

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, None, 3], tf.float32, name="images"),
            tf.TensorSpec([None], tf.int64, name="seed"),
        ],
        autograph=False,
    )
    def predict_seeded(self, images: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers as `predict_images`, with noise that `seed` `[batch]` determines; all its numbers must be equal.

        A server's batching wants one seed an image, but images of one batch share their noise.

        Raises:
            tf.errors.InvalidArgumentError: A number lies outside [0, 1], seeds differ, or their number is not that of
                the images.
        """
        return self.answer(self.prepare_images(images), _common_seed(seed, tf.shape(images)[0]))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="image_bytes"),
            tf.TensorSpec([None], tf.int64, name="seed"),
        ],
        autograph=False,
    )
    def predict_bytes_seeded(self, image_bytes: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers as `predict_bytes`, with noise as of `predict_seeded`.

        Raises:
            tf.errors.InvalidArgumentError: One of them is neither JPEG nor PNG, or damaged, seeds differ, or their number is
                not that of the images.
        """
        return self.answer(self.prepare_bytes(image_bytes), _common_seed(seed, tf.shape(image_bytes)[0]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)  # For both signatures of bytes.
    def prepare_bytes(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Does what the training pipeline does: float32 `[batch, image_size, image_size, 3]`."""
        preprocessing = self._options.preprocessing
        side = preprocessing.image_size

        def prepare(encoded: tf.Tensor) -> tf.Tensor:
            return preprocessing(decode_image(encoded, side))

        return tf.map_fn(prepare, image_bytes, fn_output_signature=tf.TensorSpec([side, side, 3]))

    def prepare_images(self, images: tf.Tensor) -> tf.Tensor:
        """Does the same from decoded images in [0, 1]."""
        # Servers do not compare inputs with the signature's shapes, and one channel would be broadcast to three.
        images = tf.ensure_shape(images, [None, None, None, 3])
        is_in_range = tf.reduce_all((images >= -RANGE_TOLERANCE) & (images <= 1.0 + RANGE_TOLERANCE))
        check = tf.debugging.Assert(is_in_range, ["images: expected numbers in [0, 1]"])
        with tf.control_dependencies([check]):
            grey_levels = images * 255.0
        preprocessing = self._options.preprocessing
        return preprocessing(shrink_large(grey_levels, preprocessing.image_size))

    def _answer_prepared(self, prepared: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        batch_size = tf.shape(prepared)[0]
        # Convolutions on CPU refuse an empty batch: it gets an image that is cut off again.
        num_missing = tf.maximum(1 - batch_size, 0)
        padded = tf.pad(prepared, [[0, num_missing], [0, 0], [0, 0], [0, 0]])
        answers, options = self.predictive.answer(padded, seed), self._options
        leverage = None if answers.leverage is None else answers.leverage[:batch_size]
        probabilities = answers.probabilities[:, :batch_size]
        return summarise(probabilities, options.class_names, options.threshold, options.alarm, leverage)


def _common_seed(seed: tf.Tensor, num_images: tf.Tensor) -> tf.Tensor:
    """The one seed of a batch, scalar; any where there are no images."""
    is_one_seed = (tf.shape(seed)[0] == num_images) & tf.reduce_all(seed == seed[:1])
    check = tf.debugging.Assert(is_one_seed, ["seed: expected one for each image, all equal; got", seed])
    with tf.control_dependencies([check]):
        return tf.reduce_max(tf.concat([seed[:1], tf.fill([1], seed.dtype.min)], 0))


def _fresh_seed() -> tf.Tensor:
    # tf.random.uniform would store the global seed of the exporting process, and every server would replay its noise.
    zero, largest = tf.constant(0, tf.int64), tf.constant(LARGEST_SEED, tf.int64)
    return tf.raw_ops.RandomUniformInt(shape=tf.constant([], tf.int32), minval=zero, maxval=largest, seed=0, seed2=0)


def summarise(
    probabilities: tf.Tensor,
    class_names: tuple[str, ...],
    threshold: float,
    alarm: AlarmRule | None = None,
    leverage: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    """Turns draws into answers, each with the batch first.

    The formulas are those of `uncertainty.metrics`, in nats.

    Args:
        probabilities: float32 `[num_draws, batch, num_classes]`.
        class_names: Names in that order.
        threshold: Least highest probability of an accepted answer.
        alarm: Which images are called unknown.
        leverage: float32 `[batch]`, see `Scored`; an alarm by it needs it.

    Returns:
        The signatures' outputs by name.
    """
    mean = tf.reduce_mean(probabilities, axis=0)
    names = tf.constant(class_names)
    scored = Scored(mean, _entropy(mean), tf.reduce_mean(_entropy(probabilities), axis=0), leverage)
    is_known, is_unknown = _apart(scored, alarm)
    return {
        "probabilities": mean,
        "class_names": tf.tile(names[tf.newaxis], [tf.shape(mean)[0], 1]),
        "predicted_class": tf.gather(names, tf.argmax(mean, axis=-1)),
        "predictive_entropy": scored.predictive,
        "aleatoric": scored.aleatoric,
        "epistemic": scored.epistemic,
        "probability_std": tf.math.reduce_std(probabilities, axis=0),
        "accepted": is_known & (tf.reduce_max(mean, axis=-1) >= tf.constant(threshold, tf.float32)),
        "unknown": is_unknown,
    }


def _apart(scored: Scored, alarm: AlarmRule | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Whether the score is below and whether it is above the alarm's threshold, bool `[batch]` each."""
    if alarm is None:
        return tf.ones_like(scored.predictive, tf.bool), tf.zeros_like(scored.predictive, tf.bool)
    score, threshold = SERVED_SCORES[alarm.score](scored), tf.constant(alarm.threshold, tf.float32)
    return score < threshold, score > threshold


def _entropy(probabilities: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1)
