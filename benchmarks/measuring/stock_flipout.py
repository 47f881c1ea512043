"""AlexNet from TensorFlow Probability's own Flipout layers, as its documentation builds models: what the twin is measured by.

Posterior, prior and divergence are TFP's defaults: a softplus of a trained array for the scale, a standard normal prior and
`tfp.distributions.kl_divergence`. Only the initial values are others, because AlexNet does not train from TFP's.
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.models.alexnet.network import build_sequential
from tfp_insects.models.architecture import NetworkSpec
from tfp_insects.models.initial_weights import layer_seed

NOISE_SHARE = 0.1  # Initial scale of the posterior, as a share of the kernel's own initial scale.


def build_stock_flipout(spec: NetworkSpec, num_train_examples: int) -> tf_keras.Sequential:
    """Builds the model; each layer adds its divergence divided by `num_train_examples` to the losses."""

    def divergence(posterior: Any, prior: Any, _: Any) -> tf.Tensor:
        return tfp.distributions.kl_divergence(posterior, prior) / num_train_examples

    def make(layer: type[tf_keras.layers.Layer], *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
        posterior = _posterior_fn(layer_seed(name, 0))
        return layer(*sizes, name=name, kernel_posterior_fn=posterior, kernel_divergence_fn=divergence, **kwargs)

    return build_sequential(
        spec,
        lambda *sizes, **kwargs: make(tfp.layers.Convolution2DFlipout, *sizes, **kwargs),
        lambda *sizes, **kwargs: make(tfp.layers.DenseFlipout, *sizes, **kwargs),
    )


def _posterior_fn(seed: int) -> Callable[..., Any]:
    """TFP's mean-field normal, started at He-normal means and a tenth of their scale."""

    def posterior(dtype: tf.DType, shape: list[int], *args: Any) -> Any:
        scale = NOISE_SHARE * math.sqrt(2.0 / math.prod(shape[:-1]))
        make = tfp.layers.default_mean_field_normal_fn(
            loc_initializer=tf_keras.initializers.HeNormal(seed),
            untransformed_scale_initializer=tf_keras.initializers.Constant(math.log(math.expm1(scale))),
        )
        return make(dtype, shape, *args)

    return posterior
