"""The predictive integral p(label | image) = E_q[p(label | image, weights)], by Monte Carlo.

Draws are outermost: each draw samples every Bayesian kernel, or dropout mask, once for all images, and then costs one plain
forward pass. What lies before the first of these layers is computed once for all draws. No Flipout signs are used, so an
image's answer depends neither on its batch nor on its place in it.

Draws of a Bayesian layer come in antithetic pairs: the second kernel is the mirror image of the first in the posterior's mean
(Hammersley and Morton 1956). Each draw still follows the posterior, but what is odd in the noise cancels in a pair's mean, so
that fewer draws are needed for the same error. Masks of dropout are paired likewise.

What lies before the last random layer is most of a pass (where that is the network's last layer, nearly all), so that several
draws of it for each draw of the others cost little and lower the error further. Each of them with what lies before it is a
draw from the posterior.

The model may be any: nested, with branches, several inputs or outputs, or with a call of its own. See `graph` for which of
them are cut, so that what a draw does not change is computed once.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import all_layers, refuse_stock_layers
from tfp_insects.bayes.draws import drawn_kernels
from tfp_insects.bayes.graph import CutModel
from tfp_insects.bayes.outputs import to_probabilities

Pair = tuple[tf.Tensor, tf.Tensor]
Batches = Iterable[tuple[Any, Any]]


def predict_samples(
    model: tf_keras.Model,
    images: Any,
    num_samples: int,
    seed: int = 0,
    *,
    num_last_layer_samples: int = 1,
    batch_size: int = 64,
    activation: Callable[[Any], Any] | None = None,
) -> Any:
    """Class probabilities under several draws of a model's weights.

    Args:
        model: Any `tf_keras` model, such as `to_bayesian` makes.
        images: Array `[num_examples, ...]`, or a list or dict of arrays where the model has several inputs.
        num_samples: Draws of the weights, or of masks where the model has `MonteCarloDropout`. A model without random layers
            is run once, whatever is asked for.
        seed: Integer; equal seeds give equal draws.
        num_last_layer_samples: Draws of the last random layer for each draw of those before it; they cost little.
        batch_size: Images in a batch; the answers do not depend on it.
        activation: From the model's outputs to what is wanted. By default class probabilities, see
            `outputs.to_probabilities`; `tf.identity` keeps the outputs.

    Returns:
        float32 `[num_samples * num_last_layer_samples, num_examples, num_classes]`; the model's own structure of such arrays
        where it has several outputs.

    Raises:
        ValueError: No images, fewer than one draw, or a variational layer of TensorFlow Probability's own.
    """
    for name, value in (("num_samples", num_samples), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    num_examples = len(tf.nest.flatten(images)[0])
    if not num_examples:
        raise ValueError("images: expected at least one, got none")
    starts = range(0, num_examples, batch_size)
    batches = [(tf.nest.map_structure(lambda one, i=i: one[i : i + batch_size], images), None) for i in starts]
    if not model.built:
        model(batches[0][0], training=False)
    predictor = MonteCarloPredictor(model, activation=activation or to_probabilities(model))
    return predictor.predict(batches, num_samples, seed, num_last_layer_samples)


class MonteCarloPredictor:
    """Class probabilities of a model under several draws of its weights.

    Args:
        model: Images to logits.
        fresh_noise: Whether each draw has normals of its own. If not, they are read from the table of the training steps,
            which is cheaper by a large factor and good enough to watch the training.
        activation: Applied to the model's outputs.

    Attributes:
        is_random: Whether the model has anything to draw.

    Raises:
        ValueError: The model has variational layers of TensorFlow Probability's own.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        fresh_noise: bool = True,
        activation: Callable[[Any], Any] = tf.nn.softmax,
    ) -> None:
        refuse_stock_layers(model)
        self._activation = activation
        self._model = model
        self._fresh_noise = fresh_noise
        self._drawn = [layer for layer in all_layers(model) if hasattr(layer, "sample_pair")]
        self.is_random = bool(self._drawn)
        self._cut = CutModel(model, self._drawn) if self._drawn else None
        self._sample = tf.function(self._sample_pairs, autograph=False)
        self._prefix = tf.function(self._run_prefix, reduce_retracing=True, autograph=False)
        self._suffix = tf.function(self._run_suffix, reduce_retracing=True, autograph=False)

    def predict(
        self,
        batches: Batches,
        num_samples: int,
        seed: int,
        num_last_layer_samples: int = 1,
        on_images: Callable[[float], object] = lambda number: None,
    ) -> Any:
        """Predicts all images of a data set.

        Args:
            batches: Pairs of images `[batch, height, width, 3]` and labels, the same each time it is iterated.
            num_samples: Draws of the weights; a model without random layers is run once, whatever is asked for. The last of
                an odd number has no mirror image.
            seed: Integer; equal seeds give equal draws. Without fresh noise it is not used: a draw's number alone decides.
            num_last_layer_samples: Draws of the last random layer for each draw of those before it; above 1 with fresh noise
                alone.
            on_images: Called after each batch of each pass with the number of images that this is worth: its images, divided
                by the number of passes.

        Returns:
            Probabilities, float32 `[num_samples * num_last_layer_samples, num_examples, num_classes]`, or what `activation`
            makes of the outputs; `[1, num_examples, num_classes]` of a model without random layers.

        Raises:
            ValueError: Several draws of the last layer without fresh noise.
        """
        if num_last_layer_samples > 1 and not self._fresh_noise:
            raise ValueError(f"num_last_layer_samples is {num_last_layer_samples}; the table has noise for 1 alone")
        has_prefix = self._cut is None or self._cut.has_fixed_part
        num_passes = int(has_prefix) + (0 if self._cut is None else num_samples)
        tell = functools.partial(_tell, on_images, num_passes)
        inputs = [tell(self._prefix(images), images) for images, _ in batches] if has_prefix else None
        if self._cut is None:
            return _joined(inputs or [], axis=1)
        draws = []
        for kernels in self._kernels(num_samples, seed, num_last_layer_samples):
            stream = inputs if inputs is not None else (images for images, _ in batches)
            draws.append(_joined([tell(self._suffix(batch, *kernels), batch) for batch in stream], axis=1))
            del kernels  # They are as large as the model, and the next ones are about to be drawn.
        return _joined(draws, axis=0)

    def mirrored_pair(self, batches: Batches, seed: int) -> Iterator[list[Any]]:
        """The first two draws of a random model, batch by batch; as `predict`, which has one draw after the other."""
        assert self._cut is not None
        sides = list(self._kernels(2, seed, 1))
        for images, _ in batches:
            inputs = self._prefix(images) if self._cut.has_fixed_part else images
            yield [tf.nest.map_structure(lambda one: one[0], self._suffix(inputs, *side)) for side in sides]

    def _kernels(
        self, num_samples: int, seed: int, num_last: int
    ) -> Iterator[tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]]:
        """For one draw after the other, the kernels of all random layers but the last, and several of the last."""
        for first in range(0, num_samples, 2):
            shared, last = self._sample(tf.constant([seed, first // 2], tf.int32), num_last)
            for side in range(min(2, num_samples - first)):
                yield [pair[side] for pair in shared], [pair[side] for pair in last]
            del shared, last

    def _sample_pairs(self, seed: tf.Tensor, num_last: int) -> tuple[list[Pair], list[Pair]]:
        *shared, last = self._drawn
        return (
            [self._sample_pair(layer, seed, place) for place, layer in enumerate(shared)],
            [self._sample_pair(last, seed, len(shared) + i) for i in range(num_last)],
        )

    def _sample_pair(self, layer: tf_keras.layers.Layer, seed: tf.Tensor, place: int) -> Pair:
        if not self._fresh_noise:
            return layer.sample_pair_from_table(seed[1])
        # Folding the layer's own number in keeps layers of equal shape apart.
        return layer.sample_pair(tf.random.experimental.stateless_fold_in(seed, place))

    def _run_prefix(self, images: Any) -> Any:
        if self._cut is not None:
            return self._cut.before_draws(images)
        outputs = self._activation(self._model(images, training=False))
        return tf.nest.map_structure(lambda one: one[tf.newaxis], outputs)

    def _run_suffix(self, inputs: Any, shared: Sequence[tf.Tensor], last: Sequence[tf.Tensor]) -> Any:
        assert self._cut is not None
        *layers, last_layer = self._drawn
        with drawn_kernels(dict(zip(layers, shared, strict=True))):
            state = inputs if self._cut.has_fixed_part else self._cut.before_draws(inputs)
            state = self._cut.before_last(state)
            outputs = []
            for kernel in last:
                with drawn_kernels({last_layer: kernel}):
                    outputs.append(self._activation(self._cut.last(state)))
        return tf.nest.map_structure(lambda *ones: tf.stack(ones), *outputs)


def _tell(on_images: Callable[[float], object], num_passes: int, answers: Any, batch: Any) -> Any:
    """Passes answers on, and says how many images they are worth."""
    on_images(len(tf.nest.flatten(batch)[0]) / num_passes)
    return answers


def _joined(parts: Sequence[Any], axis: int) -> Any:
    return tf.nest.map_structure(lambda *ones: np.concatenate([np.asarray(one) for one in ones], axis=axis), *parts)
