"""A Bayesian dense layer."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes.layer_arguments import positive_integer, refuse_unsupported
from tfp_insects.bayes.priors import Variational
from tfp_insects.bayes.variational_kernel import VariationalKernel


@tf_keras.utils.register_keras_serializable(package="tfp_insects")
class DenseFlipout(VariationalKernel, tfp.layers.DenseFlipout):
    """`tfp.layers.DenseFlipout` on a `VariationalKernel`; the kernel is `[inputs, units]`.

    Inputs are `[batch, ..., inputs]`, outputs `[batch, ..., units]`. All places of an example share its perturbed kernel;
    stock TFP gives each place signs of its own.

    Args:
        units: Number of outputs.
        activation: Name or function, as in Keras; none for a linear layer.
        activity_regularizer: Of the outputs, as in Keras.
        trainable: Whether the weights get gradients. The noise and the divergence are there in either case.
        use_bias: Whether there is a bias, a point estimate that starts at 0.
        variational: Prior, posterior and their divergence: a `Variational` or a mapping of its fields. The default has a
            `scaled_normal` prior and `num_train_examples=1`: the whole divergence is in the loss, as with stock TFP.
        seed: Integer that determines noise and signs; give each layer its own. By default it is drawn, like the seeds of
            Keras' initialisers, so that `tf_keras.utils.set_random_seed` determines it.
        kernel_initializer: Of the posterior's mean.
        **kwargs: `name`, `dtype` and what else every Keras layer takes.

    Raises:
        TypeError: An argument that is not supported, such as stock TFP's functions that make posteriors and priors.
        ValueError: A value that is not supported.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        use_bias: bool = True,
        variational: Variational | Mapping[str, Any] | None = None,
        seed: int | None = None,
        kernel_initializer: Any = "he_normal",
        **kwargs: Any,
    ) -> None:
        label = refuse_unsupported(type(self), kwargs)
        super().__init__(
            units=positive_integer(label, "units", units),
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            use_bias=use_bias,
            variational=variational,
            seed=seed,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )

    def _linear(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if inputs.shape.rank == 2:
            return tf.matmul(inputs, kernel)
        # As one product: `matmul` would make a kernel's gradient for each example.
        outputs = tf.tensordot(inputs, kernel, 1)
        return tf.ensure_shape(outputs, [*inputs.shape[:-1], self.units])

    def get_config(self) -> dict[str, Any]:
        """The layer's plain configuration, from which `from_config` makes the same again, weights apart."""
        return {**super().get_config(), "units": self.units}
