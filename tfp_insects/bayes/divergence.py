"""The layers of a model that have a prior, nested ones too, and their divergence from it."""

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfp_insects.bayes import layers  # noqa: F401 Registers them, for files of models that are asked about.
from tfp_insects.bayes.variational_kernel import VariationalKernel

STOCK_LAYERS = (
    tfp.layers.DenseVariational,
    tfp.layers.DenseReparameterization,
    tfp.layers.DenseLocalReparameterization,
    tfp.layers.DenseFlipout,
    tfp.layers.Convolution1DReparameterization,
    tfp.layers.Convolution2DReparameterization,
    tfp.layers.Convolution3DReparameterization,
    tfp.layers.Convolution1DFlipout,
    tfp.layers.Convolution2DFlipout,
    tfp.layers.Convolution3DFlipout,
)


def all_layers(model: tf_keras.layers.Layer) -> list[tf_keras.layers.Layer]:
    """The layer or model itself and all layers within, from input to output, each of them once."""
    return list(model._flatten_layers())  # Keras has no public way to walk nested layers in the order of the model.


def refuse_stock_layers(model: tf_keras.layers.Layer) -> None:
    """Refuses variational layers of TensorFlow Probability's own.

    Each call draws another kernel, and adds its divergence once more; neither can be asked for from outside.

    Raises:
        ValueError: There is one; the message names it.
    """
    for layer in all_layers(model):
        if isinstance(layer, STOCK_LAYERS) and not isinstance(layer, VariationalKernel):
            raise ValueError(
                f"layer {layer.name!r} is TensorFlow Probability's own {type(layer).__name__}: use DenseFlipout or "
                "Convolution2DFlipout of tfp_insects in its place, or to_bayesian on a model of plain layers"
            )


def bayesian_layers(model: tf_keras.Model) -> list[VariationalKernel]:
    """The model's Bayesian layers, nested ones too, from input to output; none for a deterministic one."""
    return [layer for layer in all_layers(model) if isinstance(layer, VariationalKernel)]


def layers_with_prior(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """Layers whose losses hold a weighted divergence from a prior: Bayesian ones, and others with a `kl_weight`.

    Raises:
        ValueError: The model has variational layers of TensorFlow Probability's own.
    """
    refuse_stock_layers(model)
    return [layer for layer in all_layers(model) if hasattr(layer, "kl_weight")]


def kl_divergence(model: tf_keras.Model) -> tf.Tensor:
    """KL(posterior || prior) in nats over all layers with a prior, nested and shared ones once each.

    Returns:
        float32 scalar, not weighted; 0 for a deterministic model.

    Raises:
        ValueError: The model has variational layers of TensorFlow Probability's own.
    """
    return tf.add_n([tf.zeros([]), *[layer.kl_divergence() for layer in layers_with_prior(model)]])


def set_kl_weight(model: tf_keras.Model, weight: float) -> None:
    """Sets the weight of the divergence in the loss; it takes effect in compiled steps too."""
    for layer in layers_with_prior(model):
        layer.kl_weight.assign(weight)
