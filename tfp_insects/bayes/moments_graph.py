"""A model's predictive distribution as plain TensorFlow variables and operations, to be exported.

It is that of `MomentsPredictor`, draw for draw. No operation is compiled by XLA, and of the model's weights there are those
that predictions need: nothing of priors and of the training.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.divergence import all_layers
from tfp_insects.bayes.draws import drawn_kernels
from tfp_insects.bayes.moments import LogitMoments, Moments, moments_of_pair
from tfp_insects.bayes.moments_draws import draw_logits, logits_seed
from tfp_insects.bayes.moments_layers import TailMoments
from tfp_insects.bayes.moments_tail import find_tail, finisher
from tfp_insects.bayes.variational_kernel import VariationalKernel

Activation = Callable[[tf.Tensor], tf.Tensor]
# Maps images and a seed, int64 scalar, to something for each draw.
Run = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Answer = Callable[[tf.Tensor, tf.Tensor], "Answers"]
# Maps a seed `[2]` to two mirrored kernels.
SamplePair = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Answers(NamedTuple):
    """What a graph answers for a batch.

    Attributes:
        probabilities: float32 `[num_draws, batch, num_classes]`, or what the activation makes of the outputs.
        leverage: float32 `[batch]`, see `head_covariance`; none where the last layer has no covariance.
    """

    probabilities: tf.Tensor
    leverage: tf.Tensor | None = None


class PredictiveGraph(tf.Module):
    """Draws of class probabilities from a model, for `tf.saved_model.save`.

    Args:
        model: Images to logits, in float32.
        num_samples: Draws of what lies before the dense layers; see `MomentsPredictor.predict`.
        num_last_layer_samples: Draws of the logits for each of these.
        activation: Applied to the model's outputs.

    Attributes:
        used_variables: All that is exported.

    Raises:
        NoMomentsError: The model is random, and moments do not pass through its end.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        num_samples: int,
        num_last_layer_samples: int,
        activation: Activation = tf.nn.softmax,
    ) -> None:
        super().__init__()
        # The model itself stays out of the attributes, which are exported whole.
        if _random_layers(model):
            self._run = _random_run(model, num_samples, num_last_layer_samples, activation)
        else:
            self._run = lambda images, seed: Answers(activation(model(images, training=False))[tf.newaxis])
        images = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype)
        traced = tf.function(self._run, autograph=False).get_concrete_function(images, tf.TensorSpec([], tf.int64))
        self.used_variables = list(traced.graph.variables)

    def __call__(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws for images `[batch, ...]`; equal seeds, int64 scalars, give equal draws.

        Returns:
            float32 `[num_samples * num_last_layer_samples, batch, num_classes]`; one draw of a model without random layers.
        """
        return self.answer(images, seed).probabilities

    def answer(self, images: tf.Tensor, seed: tf.Tensor) -> Answers:
        """The same draws, and how unlike training images the images are."""
        return self._run(images, seed)


def _random_layers(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    return [layer for layer in all_layers(model) if hasattr(layer, "sample_pair")]


def _random_run(model: tf_keras.Model, num_samples: int, num_last_layer_samples: int, activation: Activation) -> Answer:
    tail = find_tail(model)
    trunk = tf_keras.Model(model.inputs, tail.inputs)
    is_pair = num_samples == 2 and bool(_random_layers(trunk))
    finish, moments_of = finisher(tail, activation), TailMoments(tail, has_random_inputs=is_pair)
    moments_of.refresh()
    inputs_of_tail = _trunk_run(trunk, num_samples)

    def run(images: tf.Tensor, seed: tf.Tensor) -> Answers:
        drawn = inputs_of_tail(images, seed)
        num_normals = 1 if is_pair else drawn.shape[0]
        # As one batch, so that the weights are read once for all.
        inputs = moments_of_pair(*tf.unstack(drawn)) if is_pair else Moments(tf.reshape(drawn, [-1, drawn.shape[-1]]))
        parts = (tf.split(one, num_normals) for one in moments_of(inputs))
        samples = [LogitMoments(*sample) for sample in zip(*parts, strict=True)]
        draws = [
            draw_logits(
                sample,
                num_samples * num_last_layer_samples // num_normals,
                logits_seed(seed, tf.constant(place, tf.int64)),
            )
            for place, sample in enumerate(samples)
        ]
        leverage = tf.reduce_mean(tf.stack([sample.leverage for sample in samples]), axis=0)
        return Answers(finish(tf.concat(draws, axis=0)), leverage if moments_of.has_leverage else None)

    return run


def _trunk_run(trunk: tf_keras.Model, num_samples: int) -> Run:
    """Gives `[num_samples, batch, units]`, or one at the posterior's mean."""
    layers = _random_layers(trunk)
    if not layers or num_samples == 1:
        return lambda images, seed: trunk(images, training=False)[tf.newaxis]
    samplers = [_sampler(layer) for layer in layers]
    num_pairs = (num_samples + 1) // 2

    def pair(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        pairs = [sample(tf.random.experimental.stateless_fold_in(seed, place)) for place, sample in enumerate(samplers)]
        outputs = []
        for kernels in zip(*pairs, strict=True):
            with drawn_kernels(dict(zip(layers, kernels, strict=True))):
                outputs.append(trunk(images, training=False))
        return tf.stack(outputs)

    def run(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.stack([tf.fill([num_pairs], seed), tf.range(num_pairs, dtype=tf.int64)], axis=1)
        signature = tf.TensorSpec([2, *trunk.output_shape], trunk.outputs[0].dtype)
        # One pair at a time: the feature maps of several large batches would fill the memory.
        found = tf.map_fn(lambda one: pair(images, one), seeds, fn_output_signature=signature, parallel_iterations=1)
        return tf.reshape(found, [2 * num_pairs, -1, trunk.output_shape[-1]])[:num_samples]

    return run


def _sampler(layer: Any) -> SamplePair:
    """Draws what `layer.sample_pair` draws, without what only its training needs."""
    if not isinstance(layer, VariationalKernel) or layer.covariance_factor is not None:
        return layer.sample_pair
    scale = tf.Variable(layer.predictive_scale(), trainable=False, name=f"{layer.name}/scale")

    def sample_pair(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        deviation = scale * tf.random.stateless_normal(layer.loc.shape, seed)
        return layer.loc + deviation, layer.loc - deviation

    return sample_pair
