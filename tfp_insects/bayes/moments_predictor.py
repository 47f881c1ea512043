"""The predictive integral p(label | image) = E_q[p(label | image, weights)] in about two passes.

Kernels of dense layers are most of a network's weights, and their outputs' moments have a closed form (`moments`). So what
lies before the dense layers is drawn, and behind it mean and variance are carried to the logits, whose normal distribution is
drawn from at next to no cost. The answer is of the same form as that of `MonteCarloPredictor`, and has no noise but that of
the layers that are drawn.

Two mirrored draws give the dense layers' inputs a mean and a variance. What two draws differ by in the logits would be a
rough estimate of a spread, one square of a normal an image; a sum over thousands of units of what they differ by there is a
good one, although it leaves out that units share their noise. With more draws than two, each draw has moments of its own
behind it, so that the answers approach those of `MonteCarloPredictor` in all that lies before the dense layers.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.moments import LogitMoments, moments_of_pair
from tfp_insects.bayes.moments_draws import draw_logits, logits_seed
from tfp_insects.bayes.moments_layers import TailMoments
from tfp_insects.bayes.moments_tail import find_tail, finisher, moments_obstacle
from tfp_insects.bayes.monte_carlo import MonteCarloPredictor

Batches = Iterable[tuple[Any, Any]]


class Answers(NamedTuple):
    """What a model answers for some images.

    Attributes:
        probabilities: float32 `[num_draws, num_examples, num_classes]`, or what the predictor's activation makes of outputs.
        leverage: How unlike those of training images an image's features are, see `head_covariance`: float32
            `[num_examples]`; none where the last layer has no covariance.
    """

    probabilities: np.ndarray
    leverage: np.ndarray | None = None


def make_predictor(
    model: tf_keras.Model, activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.softmax
) -> "MomentsPredictor | MonteCarloPredictor":
    """The predictor by moments where they pass through a model's end (see `moments_obstacle`), else by Monte Carlo.

    Args:
        model: Images to logits, or to what `activation` expects.
        activation: Applied to the model's outputs.
    """
    if moments_obstacle(model) is None:
        return MomentsPredictor(model, activation)
    return MonteCarloPredictor(model, activation=activation)


class MomentsPredictor:
    """Class probabilities of a model whose end has Bayesian dense layers, see `moments_tail`.

    Args:
        model: Images to logits, or to what `activation` expects.
        activation: Applied to the model's outputs.
        uses_covariance: Whether the last layer has the covariance that it has in predictions, if it has one. If not, its
            weights are independent as in training, when no covariance has been found yet.
        exact: Whether variances are multiplied by the whole matrices, instead of those of rank one with the same sums of
            rows and columns. It costs three times the products of the dense layers, and is for comparison and small layers.

    Raises:
        NoMomentsError: Moments do not pass through the end of the model; see `moments_obstacle`.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.softmax,
        uses_covariance: bool = True,
        exact: bool = False,
    ) -> None:
        tail = find_tail(model)
        trunk = tf_keras.Model(model.inputs, tail.inputs)
        self._draws = MonteCarloPredictor(trunk, activation=lambda inputs: self._tail(inputs))
        self._features = MonteCarloPredictor(trunk, activation=tf.identity)
        self._tail = TailMoments(tail, uses_covariance, exact, has_random_inputs=self._features.is_random)
        self._of_pair = tf.function(
            lambda first, second: self._tail(moments_of_pair(first, second)), reduce_retracing=True, autograph=False
        )
        self._mean = tf.function(
            lambda images: self._tail(trunk(images, training=False)), reduce_retracing=True, autograph=False
        )
        self._finish = finisher(tail, activation)
        self._sample = tf.function(self._draw, reduce_retracing=True, autograph=False)

    def predict(
        self,
        batches: Batches,
        num_samples: int,
        seed: int,
        num_last_layer_samples: int = 1,
        on_images: Callable[[float], object] = lambda number: None,
    ) -> np.ndarray:
        """Predicts all images of a data set.

        Args:
            batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
            num_samples: Draws of what lies before the dense layers, in mirrored pairs; 1 stands for the posterior's mean
                instead. If nothing before them is random it is run once. Then, and with one pair, there is one normal
                distribution of the logits, and it has all their draws.
            seed: Integer; equal seeds give equal draws.
            num_last_layer_samples: Draws of the logits for each of these. With at least twice as many as there are classes,
                their mean and covariance have no sampling error.
            on_images: See `MonteCarloPredictor.predict`.

        Returns:
            Probabilities, float32 `[num_samples * num_last_layer_samples, num_examples, num_classes]`, or what `activation`
            makes of the outputs.
        """
        moments = self.logit_moments(batches, num_samples, seed, on_images)
        return self.answer(moments, num_samples * num_last_layer_samples, seed).probabilities

    def answer(self, moments: LogitMoments, num_draws: int, seed: int) -> Answers:
        """What `predict` makes of the moments of the logits, and how unlike training images the images are.

        Args:
            moments: As `logit_moments` returns them.
            num_draws: In all, shared by the samples of the moments.
            seed: Integer; equal seeds give equal draws.
        """
        own = num_draws // len(moments.mean)
        draws = [
            self._sample(LogitMoments(*sample), own, tf.constant([seed, place], tf.int64)).numpy()
            for place, sample in enumerate(zip(*moments, strict=True))
        ]
        leverage = np.mean(moments.leverage, axis=0) if self._tail.has_leverage else None
        return Answers(np.concatenate(draws), leverage)

    def logit_moments(
        self,
        batches: Batches,
        num_samples: int,
        seed: int,
        on_images: Callable[[float], object] = lambda number: None,
    ) -> LogitMoments:
        """Mean and covariance of the logits of each image, for each draw of what lies before the dense layers.

        The arguments are those of `predict`.

        Returns:
            float32 `[num_samples, num_examples, num_classes]`, `[num_samples, num_examples, num_classes, num_classes]` and
            `[num_samples, num_examples]`; one sample with one pair, at the mean, or if nothing before the dense layers is
            random.
        """
        self._tail.refresh()
        if num_samples == 1:
            return _joined(_told((self._mean(images) for images, _ in batches), on_images))
        if num_samples == 2 and self._features.is_random:
            pairs = self._features.mirrored_pair(batches, seed)
            return _joined(_told((self._of_pair(*pair) for pair in pairs), on_images))
        return self._draws.predict(batches, num_samples, seed, on_images=on_images)

    def _draw(self, moments: LogitMoments, num_draws: int, seed: tf.Tensor) -> tf.Tensor:
        return self._finish(draw_logits(moments, num_draws, logits_seed(*tf.unstack(seed))))


def _told(found: Iterable[LogitMoments], on_images: Callable[[float], object]) -> Iterator[LogitMoments]:
    """The moments of each batch, and a word of how many images it has."""
    for one in found:
        on_images(len(one.mean))
        yield one


def _joined(found: Iterable[LogitMoments]) -> LogitMoments:
    """One sample of all batches."""
    return LogitMoments(*(np.concatenate(ones)[np.newaxis] for ones in zip(*found, strict=True)))
