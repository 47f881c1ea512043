"""The Bayesian twin."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from tfp_insects.bayes.convolution_flipout import Convolution2DFlipout
from tfp_insects.bayes.dense_flipout import DenseFlipout
from tfp_insects.bayes.noise import NoiseTable
from tfp_insects.bayes.priors import LOG_UNIFORM
from tfp_insects.bayes.variational_kernel import VariationalKernel
from tfp_insects.errors import InputError
from tfp_insects.models.alexnet import network as alexnet
from tfp_insects.models.cnn import initializer, layer_seed


@dataclasses.dataclass(frozen=True)
class Bayesian:
    """Which layers are Bayesian, and how.

    Attributes:
        layers: Scope, see `alexnet.bayesian_layer_names`.
        body: Plain configuration (`priors.Variational` without `num_train_examples`) of all Bayesian layers but the last.
        head: The same for the last layer, which is new and has no pretrained weights.
        features: The same for the convolutions, where they differ from the body.
    """

    layers: str
    body: Mapping[str, Any]
    head: Mapping[str, Any]
    features: Mapping[str, Any] | None = None

    def section_of(self, name: str) -> str:
        """Which of `body`, `head` and `features` is the configuration of one layer."""
        if name == alexnet.HEAD:
            return "head"
        return "features" if self.features and name.startswith("features") else "body"

    def of_layer(self, name: str) -> Mapping[str, Any]:
        """The configuration of one layer."""
        return getattr(self, self.section_of(name))


def make_bayesian(section: Mapping[str, Any], layers: str, is_pretrained: bool) -> Bayesian:
    """Reads the section `bnn` of a configuration for a scope, with and without pretrained weights."""
    if not is_pretrained:
        return Bayesian(layers, section["body_from_scratch"], section["head"])
    return Bayesian(layers, section["body"], section["head"], section.get("features"))


def build_bnn(
    architecture: alexnet.Architecture, bayesian: Bayesian, num_train_examples: int, seed: int
) -> tf_keras.Sequential:
    """AlexNet with Flipout layers, no dropout; layers outside the scope are the CNN's.

    Args:
        architecture: Widths, input and precision.
        bayesian: Scope, priors and posteriors.
        num_train_examples: Number of training images, by which the divergence is divided.
        seed: Integer that determines initial weights, noise and signs.

    Raises:
        InputError: The head's prior is log-uniform, or another layer asks for a covariance.
    """
    if bayesian.head["prior"]["kind"] == LOG_UNIFORM:
        raise InputError(
            f"--config.bnn.head.prior.kind={LOG_UNIFORM}: the last layer starts at a mean of 0, and a share of 0 is no "
            "noise at all; give it a normal prior, such as scaled_normal"
        )
    for section in ("body", "features"):
        if (getattr(bayesian, section) or {}).get("covariance_scale"):
            raise InputError(
                f"--config.bnn.{section}.covariance_scale: only the last layer has a covariance "
                "(--config.bnn.head.covariance_scale); leave it at 0 here"
            )
    names = alexnet.bayesian_layer_names(bayesian.layers)

    def make(flipout: type, deterministic: type, *sizes: int, name: str, **kwargs: Any) -> tf_keras.layers.Layer:
        start = initializer(name, seed)
        if name not in names:
            return deterministic(*sizes, name=name, kernel_initializer=start, **kwargs)
        config = bayesian.of_layer(name)
        variational = {**config, "num_train_examples": num_train_examples}
        return flipout(
            *sizes, name=name, kernel_initializer=start, variational=variational, seed=layer_seed(name, seed), **kwargs
        )

    model = alexnet.build_sequential(
        architecture,
        lambda *sizes, **kwargs: make(Convolution2DFlipout, tf_keras.layers.Conv2D, *sizes, **kwargs),
        lambda *sizes, **kwargs: make(DenseFlipout, tf_keras.layers.Dense, *sizes, **kwargs),
    )
    _share_noise(model, seed)
    return model


def bayesian_layers(model: tf_keras.Model) -> list[VariationalKernel]:
    """The model's Bayesian layers, from input to output; none for the CNN."""
    return [layer for layer in model.layers if isinstance(layer, VariationalKernel)]


def layers_with_prior(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """Layers whose losses hold a weighted divergence from a prior: Bayesian ones, and those of `l2sp`."""
    return [layer for layer in model.layers if hasattr(layer, "kl_weight")]


def kl_divergence(model: tf_keras.Model) -> tf.Tensor:
    """KL(posterior || prior) in nats over all layers with a prior, float32 scalar, not weighted; 0 for the CNN."""
    return tf.add_n([tf.zeros([]), *[layer.kl_divergence() for layer in layers_with_prior(model)]])


def set_kl_weight(model: tf_keras.Model, weight: float) -> None:
    """Sets the weight of the divergence in the loss; it takes effect in compiled steps too."""
    for layer in layers_with_prior(model):
        layer.kl_weight.assign(weight)


def _share_noise(model: tf_keras.Model, seed: int) -> None:
    layers = bayesian_layers(model)
    lengths = [layer.loc.shape.num_elements() for layer in layers]
    table = NoiseTable(sum(lengths), max(lengths), seed, layers[0].compute_dtype)
    for i, layer in enumerate(layers):
        layer.use_noise_table(table, position=sum(lengths[:i]))
