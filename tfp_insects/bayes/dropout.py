"""Dropout that repeats under a seed, and dropout that is drawn at prediction too."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.draws import given_kernel
from tfp_insects.bayes.noise import add_step, step_seed


@tf_keras.utils.register_keras_serializable(package="tfp_insects")
class SeededDropout(tf_keras.layers.Dropout):
    """`tf_keras.layers.Dropout` whose masks are a function of (seed, step), so that a resumed run repeats them.

    The step is a weight of the layer and is part of its checkpoints.

    Args:
        rate: Share of the inputs that is dropped in training; the others are divided by `1 - rate`.
        seed: Integer.
        **kwargs: Those of Keras' layer, such as `noise_shape`, along whose axes of size 1 a mask is the same.
    """

    def __init__(self, rate: float, *, seed: int, **kwargs: object) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Adds the step."""
        self.step = add_step(self, "step")
        super().build(input_shape)

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Adds the step of a layer that is loaded from a file, under the name that it has in a new model."""
        with tf.name_scope(self.name):
            super().build_from_config(config)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Drops inputs in training and leaves them as they are otherwise."""
        if not training:
            return inputs
        seed = step_seed(self.seed, self.step.assign_add(1))
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed, noise_shape=self._get_noise_shape(inputs))


@tf_keras.utils.register_keras_serializable(package="tfp_insects")
class MonteCarloDropout(SeededDropout):
    """Dropout as a posterior (Gal and Ghahramani 2016): a draw keeps or drops each input of the next layer.

    The variational distribution there is W = diag(z) M with z Bernoulli and M the trained weights, so a draw of the mask z
    is a draw of the weights. `monte_carlo` draws one mask for all images, as it draws one kernel of a Bayesian
    layer for all of them: a draw is one network, and an image's answer does not depend on its batch. For each image by
    itself the distribution over draws is the same as with masks of its own.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        """Remembers the shape of a mask."""
        super().build(input_shape)
        sizes = tf.TensorShape(input_shape)[1:]
        shared = self.noise_shape[1:] if self.noise_shape else [None] * sizes.rank
        self._mask_shape = [size if one is None else one for size, one in zip(sizes, shared, strict=True)]

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Applies the mask that `drawn_kernels` gives, if any; else drops inputs in training."""
        mask = given_kernel(self)
        return super().call(inputs, training) if mask is None else self.apply_kernel(inputs, mask)

    def sample_pair(self, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws two masks of zeros and `1 / (1 - rate)`, in the layer's compute type and one input's shape.

        They come from uniform numbers u and 1 - u: no input is dropped by both where the rate is at most 1/2, and at 1/2 one
        mask keeps what the other drops.

        Args:
            seed: int32 or int64 `[2]`; equal seeds draw equal masks.
        """
        uniform = tf.random.stateless_uniform(self._mask_shape, seed)
        return self._mask(uniform), self._mask(1.0 - uniform)

    def sample_pair_from_table(self, pair: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws two masks that no training step draws; equal numbers draw equal masks."""
        return self.sample_pair(tf.stack([tf.constant(self.seed, tf.int64), -1 - tf.cast(pair, tf.int64)]))

    def _mask(self, uniform: tf.Tensor) -> tf.Tensor:
        return tf.cast(uniform >= self.rate, self.compute_dtype) / (1.0 - self.rate)

    def apply_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Applies one mask to all inputs `[batch, ...]`."""
        return inputs * kernel
