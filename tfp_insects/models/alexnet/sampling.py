"""AlexNet with given weights in plain TensorFlow: all Monte Carlo draws of one batch at once.

Drawing tens of millions of weights is what a draw costs when there are few images. A dense layer needs no weights to be
drawn: with independent weights w ~ N(loc, variance), its outputs for one image are independent normals

    x w ~ N(x loc, x² variance)

(local reparameterisation: Kingma, Salimans, Welling 2015, eq. 6), and x w ~ N(x loc, |x A|²) where the weights of a unit have
the covariance A A'. All images of a batch share the noise of a draw, so that an image's answer does not depend on its batch.
The places of a feature map share one kernel, which makes their outputs dependent, so kernels of convolutions are drawn; they
are few. Draws come in pairs that are mirror images, as those of `MonteCarloPredictor` do.
"""

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.variational_kernel import VariationalKernel
from tfp_insects.models.alexnet import table as alexnet
from tfp_insects.models.pooling import adaptive_average


class ConvolutionWeights(NamedTuple):
    """Weights of a convolution, float32.

    Attributes:
        loc: The kernel, or its posterior mean, `[height, width, channels, filters]`.
        scale: Posterior scale, broadcastable to the kernel; none for a point estimate.
        bias: `[filters]`.
    """

    loc: tf.Tensor
    scale: tf.Tensor | None
    bias: tf.Tensor


class DenseWeights(NamedTuple):
    """Weights of a dense layer, float32.

    Attributes:
        loc: The kernel, or its posterior mean, `[inputs, units]`.
        variance: Posterior variance, the kernel's shape or scalar; none if weights are not independent, or a point estimate.
        bias: `[units]`.
        factor: A square root of the covariance of a unit's weights, `[inputs, inputs]`; none otherwise.
    """

    loc: tf.Tensor
    variance: tf.Tensor | None
    bias: tf.Tensor
    factor: tf.Tensor | None = None

    @property
    def is_random(self) -> bool:
        """Whether it is drawn."""
        return self.variance is not None or self.factor is not None


class Weights(NamedTuple):
    """What either twin needs for predictions, by the layer's name: no prior, nothing of the training."""

    convolutions: Mapping[str, ConvolutionWeights]
    dense: Mapping[str, DenseWeights]


def weights_of(model: tf_keras.Sequential) -> Weights:
    """Reads the weights of AlexNet or its twin."""
    return Weights(
        {row.name: ConvolutionWeights(*_loc_scale_bias(model.get_layer(row.name))) for row in alexnet.CONVOLUTIONS},
        {row.name: _dense_weights(model.get_layer(row.name)) for row in alexnet.DENSE_LAYERS},
    )


def _loc_scale_bias(layer: tf_keras.layers.Layer) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]:
    if isinstance(layer, VariationalKernel):
        return tf.convert_to_tensor(layer.loc), layer.predictive_scale(), tf.convert_to_tensor(layer.bias)
    return tf.convert_to_tensor(layer.kernel), None, tf.convert_to_tensor(layer.bias)


def _dense_weights(layer: tf_keras.layers.Layer) -> DenseWeights:
    loc, scale, bias = _loc_scale_bias(layer)
    factor = layer.predictive_covariance_factor() if isinstance(layer, DenseFlipout) else None
    if factor is not None:
        return DenseWeights(loc, None, bias, factor)
    return DenseWeights(loc, None if scale is None else tf.square(scale), bias)


def class_probabilities(
    weights: Weights, images: tf.Tensor, seed: tf.Tensor, num_samples: int, num_last_layer_samples: int = 1
) -> tf.Tensor:
    """Runs all draws.

    Args:
        weights: Tensors or variables.
        images: Normalised, `[batch, height, width, 3]`, in the type to compute in.
        seed: int64 scalar; equal seeds give equal draws. Kernels of convolutions are those of `MonteCarloPredictor`.
        num_samples: Number of draws; 1 is made where all weights are point estimates.
        num_last_layer_samples: Draws of the last random dense layer for each draw of what lies before it.

    Returns:
        float32 `[num_samples * num_last_layer_samples, batch, num_classes]`.
    """
    places = _places(weights)
    outputs = _all_features(weights.convolutions, images, seed, num_samples, places)
    for name, layer in weights.dense.items():
        if name in places:
            repeats = num_last_layer_samples if places[name] == len(places) - 1 else 1
            layer_seed = _layer_seed(seed, tf.constant(0, tf.int64), places[name])
            outputs = _random_dense(
                layer, outputs, _mirrored_normals(num_samples, repeats, layer.loc.shape[1], layer_seed)
            )
        else:
            outputs = _mean(layer, outputs)
        outputs = outputs if name == alexnet.HEAD else tf.nn.relu(outputs)
    return tf.nn.softmax(tf.cast(outputs, tf.float32))


def _places(weights: Weights) -> dict[str, int]:
    """Numbers the layers that are random, from input to output."""
    convolutions = [name for name, layer in weights.convolutions.items() if layer.scale is not None]
    dense = [name for name, layer in weights.dense.items() if layer.is_random]
    return {name: place for place, name in enumerate(convolutions + dense)}


def _layer_seed(seed: tf.Tensor, pair: tf.Tensor, place: int) -> tf.Tensor:
    # Folding the layer's own number in keeps layers of equal shape apart.
    return tf.random.experimental.stateless_fold_in(tf.stack([seed, pair]), place)


def _all_features(
    layers: Mapping[str, ConvolutionWeights],
    images: tf.Tensor,
    seed: tf.Tensor,
    num_samples: int,
    places: Mapping[str, int],
) -> tf.Tensor:
    """What the convolutions make of the images: `[num_samples, batch, features]`, or one draw if none of them is random."""
    if not places.keys() & layers.keys():
        return _features(layers, images)[tf.newaxis]

    def one_draw(draw: tf.Tensor) -> tf.Tensor:
        return _features(
            {
                name: _drawn(layer, draw, _layer_seed(seed, draw // 2, places[name])) if name in places else layer
                for name, layer in layers.items()
            },
            images,
        )

    num_filters = layers[alexnet.CONVOLUTIONS[-1].name].bias.shape[0]
    signature = tf.TensorSpec([None, alexnet.FEATURE_MAP_SIZE**2 * num_filters], images.dtype)
    # One draw at a time: the feature maps of several large batches would fill the memory.
    draws = tf.range(num_samples, dtype=tf.int64)
    return tf.map_fn(one_draw, draws, fn_output_signature=signature, parallel_iterations=1)


def _drawn(layer: ConvolutionWeights, draw: tf.Tensor, seed: tf.Tensor) -> ConvolutionWeights:
    noise = tf.random.stateless_normal(layer.loc.shape, seed, dtype=tf.float32)
    sign = 1.0 - 2.0 * tf.cast(draw % 2, tf.float32)  # The second of a pair is the mirror image of the first.
    return layer._replace(loc=layer.loc + sign * layer.scale * noise)


def _features(layers: Mapping[str, ConvolutionWeights], images: tf.Tensor) -> tf.Tensor:
    outputs = images
    for row in alexnet.CONVOLUTIONS:
        layer = layers[row.name]
        padding = [[0, 0], [row.padding, row.padding], [row.padding, row.padding], [0, 0]]
        outputs = tf.nn.conv2d(outputs, tf.cast(layer.loc, outputs.dtype), row.strides, padding)
        outputs = tf.nn.relu(tf.nn.bias_add(outputs, tf.cast(layer.bias, outputs.dtype)))
        if row.is_pooled:
            outputs = tf.nn.max_pool2d(outputs, 3, 2, "VALID")
    outputs = adaptive_average(outputs, alexnet.FEATURE_MAP_SIZE)
    return tf.reshape(outputs, [tf.shape(images)[0], outputs.shape[1] * outputs.shape[2] * outputs.shape[3]])


def _mean(layer: DenseWeights, inputs: tf.Tensor) -> tf.Tensor:
    return _product(inputs, layer.loc) + tf.cast(layer.bias, inputs.dtype)


def _random_dense(layer: DenseWeights, inputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Applies a random layer to `[draws, batch, inputs]`, where draws is `num_samples`, or 1 if nothing was random yet.

    The noise is `[num_samples, repeats, 1, units]` and the outputs are `[num_samples * repeats, batch, units]`.
    """
    mean, scale = _mean(layer, inputs), tf.sqrt(_output_variance(inputs, layer))
    outputs = mean[:, tf.newaxis] + scale[:, tf.newaxis] * tf.cast(noise, inputs.dtype)
    return tf.reshape(outputs, [-1, tf.shape(outputs)[2], outputs.shape[3]])


def _mirrored_normals(num_samples: int, repeats: int, num_units: int, seed: tf.Tensor) -> tf.Tensor:
    """Standard normals `[num_samples, repeats, 1, num_units]`, float32; every second sample mirrors the one before."""
    noise = tf.random.stateless_normal([(num_samples + 1) // 2, repeats, 1, num_units], seed, dtype=tf.float32)
    return tf.reshape(tf.stack([noise, -noise], axis=1), [-1, repeats, 1, num_units])[:num_samples]


def _output_variance(inputs: tf.Tensor, layer: DenseWeights) -> tf.Tensor:
    """Of the outputs for `[draws, batch, inputs]`: `[draws, batch, units]`, or one for all units."""
    if layer.variance is None:
        return tf.reduce_sum(tf.square(_product(inputs, layer.factor)), axis=-1, keepdims=True)
    squares = tf.square(inputs)
    if layer.variance.shape.rank == 0:
        return tf.reduce_sum(squares, axis=-1, keepdims=True) * tf.cast(layer.variance, inputs.dtype)
    return _product(squares, layer.variance)


def _product(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Multiplies `[draws, batch, inputs]` by `[inputs, units]` as one matrix product."""
    rows = tf.reshape(inputs, [tf.shape(inputs)[0] * tf.shape(inputs)[1], inputs.shape[2]])
    outputs = tf.matmul(rows, tf.cast(kernel, inputs.dtype))
    return tf.reshape(outputs, [tf.shape(inputs)[0], tf.shape(inputs)[1], outputs.shape[1]])
