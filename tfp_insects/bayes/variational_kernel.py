"""The base of both Flipout layers: a kernel whose posterior trains fast, in any precision, from plain configuration.

TFP's own `DenseFlipout` and `Convolution2DFlipout` stay the base classes. What changes is how the posterior is stored and
drawn (see `mean_field`, and `priors` for what priors there are), and what a call means:

* `training=True`: one Flipout pass (Wen et al. 2018, eq. 4). All examples share one perturbation of the kernel, and each
  example multiplies it by its own random signs. The layer adds `kl_weight * KL / num_train_examples` to its losses.
* `training=False`: the kernel is the posterior's mean. Monte Carlo predictions go through `sample_pair` and
  `apply_kernel` instead: one kernel for all images, no signs, so that an image's answer does not depend on its batch.
  There the posterior may be colder than the one that is trained (`temperature`), and the weights of a unit may depend on
  one another (`covariance_factor`).

Biases are point estimates.
"""

import functools
import operator
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes import mean_field
from tfp_insects.bayes.draws import Draw, draw_of_this_pass, given_kernel, keep_for_this_pass
from tfp_insects.bayes.layer_arguments import label_of
from tfp_insects.bayes.noise import NoiseTable, add_step, step_seed
from tfp_insects.bayes.prior_weights import add_prior
from tfp_insects.bayes.priors import Variational

tfd = tfp.distributions


class VariationalKernel(tf_keras.layers.Layer):
    """A kernel with a mean-field normal posterior; mixed into TFP's Flipout layers."""

    def __init__(
        self,
        *,
        activity_regularizer: Any,
        use_bias: bool,
        variational: Variational | Mapping[str, Any] | None,
        seed: int | None,
        kernel_initializer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activity_regularizer=tf_keras.regularizers.get(activity_regularizer),
            kernel_posterior_fn=self._make_posterior,
            kernel_prior_fn=self._make_prior,
            bias_posterior_fn=self._make_bias if use_bias else None,
            # `tf_keras.utils.set_random_seed` sets this generator too.
            seed=random.randrange(1 << 31) if seed is None else operator.index(seed),
            **kwargs,
        )
        self.use_bias = use_bias
        self.bias: tf.Variable | None = None
        self.variational = Variational.of(variational)
        self.kernel_initializer = tf_keras.initializers.get(kernel_initializer)
        self._shared_table: NoiseTable | None = None
        self._own_table: NoiseTable | None = None
        self._noise_position = 0

    def build(self, input_shape: Any) -> None:
        """Adds the weights for inputs `[batch, ..., channels]`, of which the channels must be known."""
        if tf.TensorShape(input_shape)[-1] is None:
            raise ValueError(f"{label_of(self)}: the last dimension of the inputs must be known; got {input_shape}")
        super().build(input_shape)

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Adds the weights of a layer that is loaded from a file, under the names that they have in a new model."""
        with tf.name_scope(self.name):
            super().build_from_config(config)

    def _make_posterior(
        self, dtype: tf.DType, shape: list[int], name: str, trainable: bool, add_variable: Callable
    ) -> Any:
        del dtype, trainable, add_variable  # Weights are float32 and never cast, whatever the layer computes in.
        self._add_weights(shape)
        scale = tfp.util.DeferredTensor(self.log_ratio, lambda _: self._full_scale(), shape=shape)
        return tfd.Independent(tfd.Normal(self.loc, scale, name=name), reinterpreted_batch_ndims=len(shape))

    def _make_prior(self, dtype: tf.DType, shape: list[int], name: str, trainable: bool, add_variable: Callable) -> Any:
        del dtype, shape, trainable, add_variable
        return self.prior_weights.distribution(name)  # None is TFP's way to have no prior distribution.

    def _make_bias(self, dtype: tf.DType, shape: list[int], name: str, trainable: bool, add_variable: Callable) -> Any:
        del dtype, trainable, add_variable
        self.bias = self._add_float32("bias", shape, "zeros")
        return tfd.Independent(tfd.Deterministic(self.bias, name=name), reinterpreted_batch_ndims=1)

    def _add_weights(self, shape: list[int]) -> None:
        ratio_shape = shape if self.variational.scale_per_weight else []
        log_ratio = tf_keras.initializers.Constant(np.log(self.variational.posterior_ratio))
        self.loc = self._add_float32("kernel_loc", shape, self.kernel_initializer)
        self.log_ratio = self._add_float32(
            "kernel_log_ratio", ratio_shape, log_ratio, trainable=self.variational.learn_scale
        )
        add_constant = functools.partial(self._add_float32, trainable=False)
        self.prior_weights = add_prior(self.variational.prior, shape, add_constant)
        scale, leverage_scale = self.variational.covariance_scale, self.variational.leverage_scale
        self.covariance_factor = self._add_factor("covariance_factor", scale, shape)
        self.leverage_factor = self._add_factor("leverage_factor", leverage_scale if scale else 0.0, shape)
        self.kl_weight = self._add_float32("kl_weight", [], "ones", trainable=False)
        self.noise_step = add_step(self, "noise_step")

    def _add_factor(self, name: str, scale: float, shape: list[int]) -> tf.Variable | None:
        """A square root of a covariance of a unit's weights; as long as no images are known, the prior's."""
        prior = tf_keras.initializers.Identity(scale / np.sqrt(shape[0]))
        return self._add_float32(name, [shape[0], shape[0]], prior, trainable=False) if scale else None

    def _add_float32(self, name: str, shape: list[int], initializer: Any, trainable: bool = True) -> tf.Variable:
        return self.add_weight(name, shape, tf.float32, initializer, trainable=trainable, experimental_autocast=False)

    def kernel_state(self) -> mean_field.KernelState:
        """Posterior and prior as tensors."""
        return self.prior_weights.state(self.loc, self.log_ratio)

    def posterior_scale(self) -> tf.Tensor:
        """Scale of the kernel's posterior as it is trained, float32, broadcastable to the kernel's shape."""
        return self.kernel_state().posterior_scale()

    def predictive_scale(self) -> tf.Tensor:
        """Scale of independent weights in predictions, float32, broadcastable to the kernel's shape."""
        return self._predictive_multiplier * self.posterior_scale()

    def predictive_covariance_factor(self) -> tf.Tensor | None:
        """A square root of the covariance of a unit's weights in predictions, float32 `[inputs, inputs]`.

        None where the weights are independent.
        """
        factor, multiplier = self.covariance_factor, self._predictive_multiplier
        return factor if factor is None or multiplier == 1.0 else multiplier * factor  # A usual 1 must not cost a pass.

    @property
    def _predictive_multiplier(self) -> float:
        return self.variational.noise_multiplier * float(np.sqrt(self.variational.temperature))

    def kl_divergence(self) -> tf.Tensor:
        """KL(posterior || prior) of the kernel in nats, float32 scalar, not weighted."""
        return self.kernel_state().kl_divergence()

    def _full_scale(self) -> tf.Tensor:
        return tf.broadcast_to(self.posterior_scale(), self.loc.shape)

    def centre_on(self, kernel: np.ndarray, bias: np.ndarray | None = None) -> None:
        """Starts at pretrained weights; a `pretrained` prior is centred on them.

        Args:
            kernel: float32, the kernel's shape.
            bias: float32 `[units]`; none for a layer without one.

        Raises:
            ValueError: A bias for a layer without one, or none for a layer with one.
        """
        if (bias is None) == self.use_bias:
            given = "none" if bias is None else "one"
            raise ValueError(f"{label_of(self)}: bias: got {given}, but the layer has use_bias={self.use_bias}")
        self.loc.assign(kernel)
        if self.bias is not None:
            self.bias.assign(bias)
        self.prior_weights.centre_on(kernel)

    def use_noise_table(self, table: NoiseTable, position: int) -> None:
        """Shares a table with other layers; `position` keeps their reads apart."""
        self._shared_table = table
        self._noise_position = position

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Applies the layer: a Flipout pass in training, the posterior's mean otherwise.

        Raises:
            TypeError: `training` is a tensor.
        """
        if tf.is_tensor(training):
            raise TypeError(
                f"{label_of(self)}: training: expected a Python bool, which decides what is traced; got a tensor"
            )
        inputs = tf.cast(inputs, self.compute_dtype)
        kernel = given_kernel(self)
        if kernel is not None or not training:
            return self.apply_kernel(inputs, tf.cast(self.loc if kernel is None else kernel, self.compute_dtype))
        return self._finish(self._flipout(inputs, *(draw_of_this_pass(self) or self._draw())))

    def _draw(self) -> Draw:
        """Draws a perturbation for this pass, and adds the divergence to the losses."""
        state = self.kernel_state()
        step = self.noise_step.assign_add(1)
        kl_weight = self.kl_weight / self.variational.num_train_examples
        mean, perturbation, divergence = mean_field.kernel_and_perturbation(
            state, self._noise(step), self.compute_dtype, kl_weight, self.variational.learn_scale
        )
        draw = Draw(mean, perturbation, step)
        keep_for_this_pass(divergence, draw)
        self.add_loss(divergence)
        return draw

    def apply_kernel(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Applies the layer with a given kernel instead of its posterior."""
        return self._finish(self._linear(inputs, kernel))

    def sample_pair(self, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws a kernel from the posterior, as predictions have it, and its mirror image in the posterior's mean.

        Args:
            seed: int32 or int64 `[2]`; equal seeds draw equal kernels.

        Returns:
            Both kernels in the layer's compute type; each by itself follows the posterior.
        """
        noise = tf.random.stateless_normal(self.loc.shape, seed, dtype=tf.float32)
        factor = self.predictive_covariance_factor()
        if factor is None:
            return self._pair_from(noise)
        deviation = tf.matmul(factor, noise)
        return tf.cast(self.loc + deviation, self.compute_dtype), tf.cast(self.loc - deviation, self.compute_dtype)

    def sample_pair_from_table(self, pair: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws like `sample_pair`, with noise from the table under a step number that no step has.

        Much cheaper; for watching the training, so the weights are independent, whatever covariance predictions will have.

        Args:
            pair: Integer scalar of at least 0; equal numbers draw equal kernels.
        """
        return self._pair_from(self._table().read(-1 - pair, self._noise_position, self.loc.shape.as_list()))

    def _pair_from(self, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        state, multiplier = self.kernel_state(), self._predictive_multiplier
        dtype = tf.as_dtype(self.compute_dtype)
        return tuple(mean_field.draw_kernel(state, noise, sign * multiplier, dtype) for sign in (1.0, -1.0))

    def _table(self) -> NoiseTable:
        if self._shared_table is not None:
            return self._shared_table
        if self._own_table is None:
            length = self.loc.shape.num_elements()
            self._own_table = NoiseTable(length, length, self.seed, self.compute_dtype)
        return self._own_table

    def _noise(self, step: tf.Tensor) -> tf.Tensor:
        noise = self._table().read(step, self._noise_position, self.loc.shape.as_list())
        # The usual factor of 1 must not cost a pass over all weights.
        return (
            noise
            if self.variational.noise_multiplier == 1.0
            else noise * tf.cast(self.variational.noise_multiplier, noise.dtype)
        )

    def _flipout(self, inputs: tf.Tensor, mean: tf.Tensor, perturbation: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        batch_size = tf.shape(inputs)[0]
        sign_in = self._signs([batch_size, inputs.shape[-1]], step, salt=1, rank=inputs.shape.rank)
        sign_out = self._signs([batch_size, self.loc.shape[-1]], step, salt=2, rank=inputs.shape.rank)
        return self._linear(inputs, mean) + self._linear(inputs * sign_in, perturbation) * sign_out

    def _signs(self, shape: list, step: tf.Tensor, salt: int, rank: int) -> tf.Tensor:
        """Random signs `[batch, 1, ..., channels]`: one sign a channel, shared by all places of an image."""
        seed = step_seed(self.seed * 4 + salt, step)
        bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.int32)
        signs = 1 - 2 * tf.cast(bits & 1, self.compute_dtype)  # A GPU would leave arithmetic of int32 to the host.
        return tf.reshape(signs, [shape[0], *[1] * (rank - 2), shape[1]])

    def _linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def _finish(self, outputs: tf.Tensor) -> tf.Tensor:
        if self.bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype))
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        """The layer's plain configuration, from which `from_config` makes the same again, weights apart."""
        return {
            # TFP's own configuration stores functions; this class sets those itself.
            **tf_keras.layers.Layer.get_config(self),
            "activation": tf_keras.activations.serialize(self.activation),
            "activity_regularizer": tf_keras.regularizers.serialize(self.activity_regularizer),
            "use_bias": self.use_bias,
            "variational": self.variational.to_config(),
            "seed": self.seed,
            "kernel_initializer": tf_keras.initializers.serialize(self.kernel_initializer),
            "noise_table": tf_keras.saving.serialize_keras_object(self._shared_table),
            "noise_position": self._noise_position,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "VariationalKernel":
        """Makes a layer from its plain configuration."""
        arguments = dict(config)
        table, position = arguments.pop("noise_table", None), arguments.pop("noise_position", 0)
        layer = cls(**arguments)
        if table is not None:
            known = {
                NoiseTable.__name__: NoiseTable
            }  # Keras' older file formats do not look for registered names here.
            layer.use_noise_table(tf_keras.saving.deserialize_keras_object(table, known), position)
        return layer
